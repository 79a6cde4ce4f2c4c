import { pathToFileURL } from 'node:url';
import type { CommitParams } from '@huggingface/hub';
import { ThawError } from '../../errors.ts';
import { shortened } from '../../graphemes.ts';
import { type Hub, isMissing, statusOf } from './hub-client.ts';
import { digest } from './onnx-file.ts';

/** A file to upload. */
export interface LocalFile {
  /** In the repository, with slashes. */
  readonly path: string;
  /** On this machine. */
  readonly file: string;
  readonly bytes: number;
}

export interface PushTarget {
  readonly branch: string;
  readonly visibility: 'private' | 'public';
}

/** A branch before a push. */
export interface PushedBranch {
  readonly commit: string;
  /** Files of the branch. */
  readonly files: readonly string[];
}

/**
 * Creates the repository and the branch if they are missing.
 * @throws ThawError also if the repository is there with the other visibility
 */
export async function prepareBranch(hub: Hub, { branch, visibility }: PushTarget): Promise<PushedBranch> {
  const { createBranch, createRepo } = await import('@huggingface/hub');
  const { name, page, token } = hub;
  const listed = (revision: string) =>
    hub.list(revision).catch((error) => {
      throw pushError(hub, error);
    });
  // Only a token that may see the repository learns whether it exists.
  const ifThere = (revision: string) =>
    hub.list(revision).catch((error) => {
      if (!isMissing(error) && statusOf(error.cause) !== 401) throw pushError(hub, error);
    });
  /** Someone else can create it at the same time. */
  const unlessThere = (error: unknown) => {
    if (statusOf(error) !== 409) throw pushError(hub, error);
  };
  let main: typeof NEW | undefined = (await ifThere('main')) ?? undefined;
  if (!main) {
    const created = await createRepo({ ...hub.shared, repo: name, visibility, accessToken: token! }).catch(unlessThere);
    main = created ? NEW : await listed('main');
  }
  if (main.isPrivate !== undefined && main.isPrivate !== (visibility === 'private'))
    throw main.isPrivate
      ? new ThawError(
          'bad-config',
          `${name} is private, and a push does not publish it`,
          `Publish it at ${page}/settings`,
        )
      : new ThawError(
          'bad-config',
          `${name} is public`,
          'Add --public (public: true) to upload where everyone can see it',
        );
  if (branch === 'main') return main;
  const found = await ifThere(branch);
  if (found) return found;
  await createBranch({ ...hub.shared, repo: name, branch }).catch(unlessThere);
  return main === NEW ? NEW : listed(branch);
}

/** A new repository has no files of a model. */
const NEW: PushedBranch & { readonly isPrivate?: boolean } = { commit: '', files: [] };

/** The files that the branch lacks, or has with other contents. */
export async function changedFiles(
  hub: Hub,
  branch: string,
  there: PushedBranch,
  files: readonly LocalFile[],
): Promise<LocalFile[]> {
  if (!files.some(({ path }) => there.files.includes(path))) return [...files];
  const etagOf = async (path: string) => {
    const remote = await hub.describe(branch, path).catch((error) => {
      throw pushError(hub, error);
    });
    return remote?.etag;
  };
  // One request for all files. On a server without trees, the ETags decide.
  const ids = await hub.contents(branch).catch(() => new Map<string, string>());
  const changed: LocalFile[] = [];
  for (const local of files) {
    if (there.files.includes(local.path)) {
      if (await hasContents(local, ids.get(local.path))) continue;
      if (await hasContents(local, await etagOf(local.path))) continue;
    }
    changed.push(local);
  }
  return changed;
}

/** Whether a file has these contents. The hub names large files by their SHA-256, and small ones as Git does. */
const hasContents = async ({ file, bytes }: LocalFile, id: string | undefined): Promise<boolean> =>
  id !== undefined && id === (id.length === 64 ? await digest(file) : await digest(file, 'sha1', `blob ${bytes}\0`));

export interface UploadOptions {
  readonly branch: string;
  readonly message: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly sent: number; readonly total: number }) => void;
}

/**
 * Uploads files in one commit. Large files that the hub already has, for example from an interrupted push, are not sent again.
 * @returns the commit
 */
export async function uploadFiles(
  hub: Hub,
  files: readonly LocalFile[],
  { branch, message, signal, onProgress }: UploadOptions,
): Promise<string> {
  signal?.throwIfAborted();
  const { commitIter } = await import('@huggingface/hub');
  const counter = new Counter(files, onProgress);
  const params: CommitParams = {
    ...hub.shared,
    repo: hub.name,
    branch,
    title: message,
    operations: files.map(({ path, file }) => ({ operation: 'addOrUpdate', path, content: pathToFileURL(file) })),
    fetch: persistent(
      counting(hub.fetch, (bytes) => counter.add(bytes)),
      signal,
    ),
    abortSignal: signal,
  };
  try {
    const events = commitIter(params);
    for (;;) {
      const { done, value } = await events.next();
      if (done) return value?.commit.oid ?? '';
      if (value.event === 'fileProgress' && value.state === 'uploading') counter.report(value.path, value.progress);
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw pushError(hub, error);
  }
}

/** Counts sent bytes. The library only reports the start and the end of a file, and for Xet its parts. */
class Counter {
  private sent = 0;
  private total: number;
  private readonly sizes: ReadonlyMap<string, number>;
  private readonly parts = new Map<string, number>();

  constructor(
    files: readonly LocalFile[],
    private readonly onProgress: UploadOptions['onProgress'],
  ) {
    this.sizes = new Map(files.map(({ path, bytes }) => [path, bytes]));
    this.total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  add(bytes: number): void {
    this.sent += bytes;
    this.show();
  }

  report(path: string, progress: number): void {
    const size = this.sizes.get(path) ?? 0;
    // The hub already has a file that is complete from the start.
    if (progress === 1 && !this.parts.has(path)) this.total -= size;
    else this.parts.set(path, progress * size);
    this.show();
  }

  private show(): void {
    const reported = [...this.parts.values()].reduce((sum, bytes) => sum + bytes, 0);
    this.onProgress?.({ sent: Math.min(this.total, Math.max(this.sent, reported)), total: this.total });
  }
}

/** Counts the bytes of files as they are sent. A part that is sent again counts once. */
function counting(fetcher: typeof fetch, onSent: (bytes: number) => void): typeof fetch {
  return async (input, init) => {
    const body = init?.body;
    if (!(body instanceof Blob)) return fetcher(input, init);
    let sent = 0;
    const count = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        sent += chunk.length;
        onSent(chunk.length);
        controller.enqueue(chunk);
      },
    });
    // `fetch` takes the length from the Blob and the bytes from its stream. The prototype's, because a retry sends the same Blob again.
    const stream = () => (Object.getPrototypeOf(body) as Blob).stream.call(body).pipeThrough(count);
    Object.defineProperty(body, 'stream', { value: stream, configurable: true });
    try {
      const response = await fetcher(input, init);
      if (!response.ok) onSent(-sent);
      return response;
    } catch (error) {
      onSent(-sent);
      throw error;
    }
  };
}

const ATTEMPTS = 4;
const isTemporary = (status: number): boolean => status === 408 || status === 429 || status >= 500;

/** Requests with contents under a name of their own, to Git LFS or Xet. A commit might be there although its answer was lost. */
const isRepeatable = (address: string, { method }: RequestInit = {}): boolean =>
  method === 'PUT' || /\/v1\/(xorbs|shards)\b/.test(address);

/** Sends files again after a temporary failure. */
function persistent(fetcher: typeof fetch, signal: AbortSignal | undefined): typeof fetch {
  return async (input, init) => {
    for (let attempt = 1; ; attempt++) {
      const isLast = !isRepeatable(String(input), init) || attempt === ATTEMPTS;
      try {
        const response = await fetcher(input, init);
        if (isLast || !isTemporary(response.status)) return response;
        await response.body?.cancel();
      } catch (error) {
        if (isLast || signal?.aborted || init?.signal?.aborted) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 250 * 2 ** attempt));
    }
  };
}

const AGAIN = 'Run the command again: files that the hub already has are not sent again';

/** What the hub refused, and how to fix it. */
export function pushError(hub: Hub, error: unknown): unknown {
  const { name, endpoint } = hub;
  const answer = statusOf(error) === undefined ? (error as Error | undefined)?.cause : error;
  const status = statusOf(answer);
  if (status === undefined) {
    if (!(error instanceof ThawError)) return hub.unexpected(String((error as Error | undefined)?.message ?? error));
    return error.code === 'network' ? new ThawError('network', error.message, AGAIN, { cause: error }) : error;
  }
  const said = reasonOf(answer);
  const [what, hint] = explained(status, name, endpoint);
  return new ThawError('network', `${what} (${status}${said ? `: ${said}` : ''})`, hint, { cause: error });
}

function explained(status: number, name: string, { host, origin }: URL): [what: string, hint: string] {
  const owner = name.split('/')[0];
  switch (status) {
    case 401:
      return [
        `${host} does not accept the token`,
        `Create one with write access at ${origin}/settings/tokens, and set HF_TOKEN`,
      ];
    case 403:
      return [`the token may not write to ${name}`, `Use a token with write access to the repositories of ${owner}`];
    case 404:
      return [`${host} has no ${name}, or the token may not see it`, 'Check the owner, the name and the token'];
    case 409:
    case 412:
      return [`${name} changed during the push`, 'Run the command again'];
    case 413:
      return [`${host} takes no files of this size`, 'Push a smaller model, such as one of thaw export --quantize'];
    case 429:
      return [`${host} has too many requests`, 'Wait a while, and run the command again'];
    default:
      return status >= 500
        ? [`${host} failed`, AGAIN]
        : [
            `${host} refuses the upload to ${name}`,
            'Fix the reason that it gives; the metadata of the card is at the top of README.md',
          ];
  }
}

/** The hub's own words. */
function reasonOf(answer: unknown): string {
  const { data } = (answer ?? {}) as { readonly data?: { readonly error?: unknown } };
  return typeof data?.error === 'string' ? shortened(data.error.replace(/\.$/, ''), 200) : '';
}
