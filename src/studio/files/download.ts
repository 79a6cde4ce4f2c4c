/** Files from an address, with their progress, and checked before they are used. */
import { sha256 } from '../../digest.ts';
import { ThawError } from '../../errors.ts';

export interface Progress {
  readonly received: number;
  readonly total: number;
}

export interface DownloadOptions {
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}

/** A file whose size and checksum are known before it comes. */
export interface ExpectedFile {
  readonly url: string;
  readonly size: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

/**
 * A response from another server. It gets no cookies and no address of this page.
 *
 * @throws ThawError `network`
 */
export async function request(url: string, signal?: AbortSignal): Promise<Response> {
  const { host } = new URL(url);
  let response: Response;
  try {
    response = await fetch(url, { signal, credentials: 'omit', referrerPolicy: 'no-referrer', cache: 'no-store' });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new ThawError('network', `there is no connection to ${host}`, WITHOUT_NETWORK, { cause });
  }
  if (!response.ok) throw new ThawError('network', `${host} answered ${response.status}`, WITHOUT_NETWORK);
  return response;
}

export const WITHOUT_NETWORK = 'Try again later, choose a model file of yours, or start from the drawings model';

/**
 * The bytes of a file.
 *
 * @throws ThawError `network` if they do not arrive, or are others than expected
 */
export async function download(file: ExpectedFile, { onProgress, signal }: DownloadOptions): Promise<Uint8Array> {
  const { url, size } = file;
  const { host } = new URL(url);
  const { body } = await request(url, signal);
  const wrong = (what: string, cause?: unknown) =>
    new ThawError('network', `the model from ${host} ${what}, so it is not used`, WITHOUT_NETWORK, { cause });
  const bytes = new Uint8Array(size);
  const reader = body!.getReader();
  let received = 0;
  for (;;) {
    const { done, value } = await reader.read().catch((cause) => {
      if (signal?.aborted) throw cause;
      throw wrong('did not arrive to its end', cause);
    });
    if (done) break;
    if (received + value.length > size) {
      await reader.cancel();
      throw wrong('is larger than announced');
    }
    bytes.set(value, received);
    received += value.length;
    onProgress?.({ received, total: size });
  }
  if (received < size) throw wrong('did not arrive to its end');
  if ((await sha256(bytes)) !== file.sha256) throw wrong('has another checksum than announced');
  return bytes;
}
