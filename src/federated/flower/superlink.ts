import { ThawError } from '../../errors.ts';
import { publicAddress, withoutSecrets } from '../../secrets.ts';
import { base64, type NodeIdentity } from './identity.ts';

/** The supported version of Flower. The Fleet API changes with minor versions. */
export const FLOWER = '1.42';
const VERSION = /^[\w.+-]{1,40}$/;

/** Sends bytes to a SuperLink and receives the answer, over HTTP. */
export interface Transport {
  /** Address for display. */
  readonly address: string;
  /**
   * @param path path of the Fleet API, with a leading slash; with a body it is a POST request. Does not follow redirects
   * @param request `limit` is the maximum number of bytes of the answer; see `readWithin`
   * @throws TooLarge, or any error if there was no answer
   */
  exchange(
    path: string,
    request: {
      readonly body?: Uint8Array;
      readonly headers: Readonly<Record<string, string>>;
      readonly signal: AbortSignal;
      readonly limit: number;
    },
  ): Promise<{ readonly status: number; readonly body: Uint8Array }>;
}

/**
 * Uses the platform's `fetch`. Browsers only allow requests to the page's own origin, because a SuperLink sends no CORS headers. A proxy at
 * this origin must forward `/v1/fleet/` and `/openapi.json`.
 *
 * @param address address of the SuperLink or the proxy, with `https:`
 */
export const fetchTransport = (address: string | URL, fetcher: typeof fetch = fetch): Transport => {
  const base = String(address).replace(/\/+$/, '');
  return {
    address: publicAddress(base),
    async exchange(path, { body, headers, signal, limit }) {
      const response = await fetcher(base + path, {
        method: body ? 'POST' : 'GET',
        body: body as Uint8Array<ArrayBuffer> | undefined,
        headers,
        signal,
        redirect: 'error',
      });
      const answer = response.body ? await readWithin(limit, partsOf(response.body, signal)) : new Uint8Array();
      return { status: response.status, body: answer };
    },
  };
};

/** Also watches the signal: Node 20 can ignore it after the headers, if it has garbage-collected the request. */
async function* partsOf(stream: ReadableStream<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  const stop = () => void reader.cancel(signal.reason).catch(() => undefined);
  signal.addEventListener('abort', stop, { once: true });
  try {
    signal.throwIfAborted();
    for (let part = await reader.read(); !part.done; part = await reader.read()) yield part.value;
    signal.throwIfAborted();
  } finally {
    signal.removeEventListener('abort', stop);
    await reader.cancel().catch(() => undefined);
  }
}

/**
 * Joins the parts of an answer.
 *
 * @throws TooLarge once there are more bytes than `limit`; the rest is not read
 */
export async function readWithin(limit: number, parts: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  // Copies parts immediately, because many small parts take far more memory than their bytes.
  let bytes = new Uint8Array(Math.min(limit, 2 ** 16));
  let length = 0;
  for await (const part of parts) {
    const end = length + part.length;
    if (end > limit) throw new TooLarge(limit);
    if (end > bytes.length) {
      const larger = new Uint8Array(Math.min(limit, Math.max(end, 2 * bytes.length)));
      larger.set(bytes.subarray(0, length));
      bytes = larger;
    }
    bytes.set(part, length);
    length = end;
  }
  return bytes.subarray(0, length);
}

/** An answer exceeds its size limit. */
export class TooLarge extends Error {
  override readonly name = 'TooLarge';

  constructor(limit: number) {
    super(`more than ${limit} bytes`);
  }
}

/** There was no answer, or one that does not come from the SuperLink. Another attempt can succeed. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';
}

/** The SuperLink refuses the request. */
export class Refused extends Error {
  override readonly name: string = 'Refused';

  constructor(
    message: string,
    readonly status: number,
    /** Flower's error code. */
    readonly code: number | undefined,
  ) {
    super(message);
  }
}

/** An invalid answer: of another format, or too large. */
export class Malformed extends Refused {
  override readonly name = 'Malformed';

  constructor(message: string) {
    super(message, 200, undefined);
  }
}

/** Decodes a message of the Fleet API. */
export interface Decoder<T> {
  decode(bytes: Uint8Array): T;
}

/** Maximum bytes of an answer without tensors, and of Flower's description of its API, which has about 300 KB. */
const SMALL = 2 ** 16;
const DESCRIPTION = 2 ** 23;

/** Maximum characters of an explanation. */
const EXPLANATION = 300;

/** Timeout of an answer in milliseconds; `LONG` if it carries tensors. */
const SHORT = 30_000;
const LONG = 600_000;

/** Client of a SuperLink's Fleet API, with signed requests. */
export class SuperLink {
  constructor(
    private readonly transport: Transport,
    readonly identity: NodeIdentity,
  ) {}

  get address(): string {
    return this.transport.address;
  }

  /**
   * The SuperLink's version.
   *
   * @throws ThawError `network` if the version is unsupported, or there is no SuperLink
   */
  async version(signal?: AbortSignal): Promise<string> {
    const { status, body } = await this.exchange('/openapi.json', { headers: {}, signal, limit: DESCRIPTION });
    const { title, version } = (jsonOf(body)?.info ?? {}) as Record<string, unknown>;
    if (status !== 200 || title !== 'SuperLink API' || typeof version !== 'string' || !VERSION.test(version)) {
      throw new ThawError(
        'network',
        `${this.address} is not a SuperLink of Flower ${FLOWER}`,
        'Give the address of its HTTP API (default port 8000)',
      );
    }
    if (version === FLOWER || version.startsWith(`${FLOWER}.`)) return version;
    throw new ThawError(
      'network',
      `the SuperLink at ${this.address} has Flower ${version}, but a client without Python only supports ${FLOWER}`,
      `Start one with Flower ${FLOWER}, or join with flower-supernode`,
    );
  }

  /**
   * @param method method of the Fleet API, as in its path
   * @param decoder decoder of the answer
   * @throws Unreachable, Refused, Malformed, AbortError
   */
  async call<T>(
    method: string,
    body: Uint8Array,
    decoder: Decoder<T>,
    { signal, long = false, limit = SMALL }: CallOptions = {},
  ): Promise<T> {
    const timestamp = new Date().toISOString();
    const headers = {
      accept: 'application/protobuf',
      'content-type': 'application/protobuf',
      'flwr-public-key': base64(this.identity.publicKey),
      'flwr-timestamp': timestamp,
      'flwr-signature': base64(await this.identity.sign(timestamp)),
    };
    const answer = await this.exchange(`/v1/fleet/${method}`, { headers, body, signal, long, limit });
    if (answer.status !== 200) {
      const { code, detail, extra } = jsonOf(answer.body) ?? {};
      const message = [detail, extra].filter((part) => typeof part === 'string').join(' ') || `status ${answer.status}`;
      throw new Refused(shortened(message), answer.status, typeof code === 'number' ? code : undefined);
    }
    try {
      return decoder.decode(answer.body);
    } catch (cause) {
      throw this.malformed(method, `an invalid message of Flower ${FLOWER} (${reasonOf(cause)})`);
    }
  }

  malformed = (method: string, what: string): Malformed =>
    new Malformed(`the SuperLink at ${this.address} answered ${method} with ${what}`);

  private async exchange(
    path: string,
    {
      headers,
      body,
      signal,
      long,
      limit,
    }: CallOptions & { headers: Record<string, string>; body?: Uint8Array; limit: number },
  ) {
    const timeout = AbortSignal.timeout(long ? LONG : SHORT);
    const either = signal ? AbortSignal.any([signal, timeout]) : timeout;
    const request = { headers, body, signal: either, limit };
    const answer = await this.transport.exchange(path, request).catch((cause: unknown) => {
      signal?.throwIfAborted();
      if (cause instanceof TooLarge) throw this.malformed(path, cause.message);
      const why = timeout.aborted ? 'the request timed out' : reasonOf(cause);
      throw new Unreachable(`cannot reach ${this.address}: ${why}`, { cause });
    });
    if (answer.body.length > limit) throw this.malformed(path, new TooLarge(limit).message);
    if ([408, 425, 429, 502, 503, 504].includes(answer.status))
      throw new Unreachable(`cannot reach ${this.address}: status ${answer.status}`);
    return answer;
  }
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Whether the request or the answer carries tensors. */
  readonly long?: boolean;
  /** Maximum bytes of the answer. */
  readonly limit?: number;
}

/** A foreign explanation on one line. */
const shortened = (text: string): string => text.slice(0, EXPLANATION).replace(/\s+/g, ' ');

/** The reason of a failed `fetch` is in its cause. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  const { message, code } = cause as { readonly message?: string; readonly code?: string };
  return shortened(withoutSecrets(String(message || code || cause)));
}

function jsonOf(body: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(body));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
