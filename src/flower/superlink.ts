import { ThawError } from '../errors.ts';
import { publicAddress, withoutSecrets } from '../secrets.ts';
import { base64, type NodeIdentity } from './identity.ts';

/** The version of Flower whose Fleet API is spoken here: another minor version has another. */
export const FLOWER = '1.42';

/** Carries bytes to a SuperLink and back, by HTTP. */
export interface Transport {
  /** As people are told it. */
  readonly address: string;
  /**
   * @param path of the Fleet API, beginning with a slash; with a body it is posted
   * @throws whatever says that there was no answer
   */
  exchange(
    path: string,
    request: {
      readonly body?: Uint8Array;
      readonly headers: Readonly<Record<string, string>>;
      readonly signal: AbortSignal;
    },
  ): Promise<{ readonly status: number; readonly body: Uint8Array }>;
}

/**
 * Any platform's `fetch`. Browsers let a page ask its own origin only, since a SuperLink allows no others: a proxy there passes `/v1/fleet/`
 * and `/openapi.json` on.
 *
 * @param address of the SuperLink or the proxy, with `https:`
 */
export const fetchTransport = (address: string | URL, fetcher: typeof fetch = fetch): Transport => {
  const base = String(address).replace(/\/+$/, '');
  return {
    address: publicAddress(base),
    async exchange(path, { body, headers, signal }) {
      const response = await fetcher(base + path, {
        method: body ? 'POST' : 'GET',
        body: body as Uint8Array<ArrayBuffer> | undefined,
        headers,
        signal,
        redirect: 'error',
      });
      return { status: response.status, body: new Uint8Array(await response.arrayBuffer()) };
    },
  };
};

/** There was no answer, or none of the SuperLink itself: another try may do. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';
}

/** The SuperLink answers that it won't. */
export class Refused extends Error {
  override readonly name = 'Refused';

  constructor(
    message: string,
    readonly status: number,
    /** Flower's own number for it. */
    readonly code: number | undefined,
  ) {
    super(message);
  }
}

/** Milliseconds for an answer; what carries tensors has as many as `LONG`. */
const SHORT = 30_000;
const LONG = 600_000;

/** A SuperLink's Fleet API: signed requests, one at a time or several. */
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
   * @throws ThawError `network` where it is none that this speaks, or there is no SuperLink
   */
  async version(signal?: AbortSignal): Promise<string> {
    const { status, body } = await this.exchange('/openapi.json', { headers: {}, signal });
    const { title, version } = (jsonOf(body)?.info ?? {}) as Record<string, unknown>;
    if (status !== 200 || title !== 'SuperLink API' || typeof version !== 'string') {
      throw new ThawError(
        'network',
        `${this.address} is no SuperLink of Flower ${FLOWER}`,
        'Give the address of its HTTP API, port 8000 unless it was told another',
      );
    }
    if (version === FLOWER || version.startsWith(`${FLOWER}.`)) return version;
    throw new ThawError(
      'network',
      `the SuperLink at ${this.address} is of Flower ${version}, and a client without Python speaks ${FLOWER} only`,
      `Start one of Flower ${FLOWER}, or join with flower-supernode`,
    );
  }

  /**
   * @param method of the Fleet API, as in its path
   * @throws Unreachable, Refused, AbortError
   */
  async call(method: string, body: Uint8Array, { signal, long = false }: CallOptions = {}): Promise<Uint8Array> {
    const timestamp = new Date().toISOString();
    const headers = {
      accept: 'application/protobuf',
      'content-type': 'application/protobuf',
      'flwr-public-key': base64(this.identity.publicKey),
      'flwr-timestamp': timestamp,
      'flwr-signature': base64(await this.identity.sign(timestamp)),
    };
    const answer = await this.exchange(`/v1/fleet/${method}`, { headers, body, signal, long });
    if (answer.status === 200) return answer.body;
    const { code, detail, extra } = jsonOf(answer.body) ?? {};
    const said = [detail, extra].filter((part) => typeof part === 'string').join(' ') || `status ${answer.status}`;
    throw new Refused(said, answer.status, typeof code === 'number' ? code : undefined);
  }

  private async exchange(
    path: string,
    { headers, body, signal, long }: CallOptions & { headers: Record<string, string>; body?: Uint8Array },
  ) {
    const timeout = AbortSignal.timeout(long ? LONG : SHORT);
    const either = signal ? AbortSignal.any([signal, timeout]) : timeout;
    const answer = await this.transport.exchange(path, { headers, body, signal: either }).catch((cause: unknown) => {
      signal?.throwIfAborted();
      const why = timeout.aborted ? 'there was no answer in time' : reasonOf(cause);
      throw new Unreachable(`cannot reach ${this.address}: ${why}`, { cause });
    });
    if ([502, 503, 504].includes(answer.status))
      throw new Unreachable(`cannot reach ${this.address}: status ${answer.status}`);
    return answer;
  }
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Whether it carries tensors. */
  readonly long?: boolean;
}

/** The reason of a failed `fetch` is in its cause. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  const { message, code } = cause as { readonly message?: string; readonly code?: string };
  return withoutSecrets(String(message || code || cause)).replace(/\s+/g, ' ');
}

function jsonOf(body: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(body));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
