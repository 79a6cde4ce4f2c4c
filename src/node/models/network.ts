import { ThawError } from '../../errors.ts';
import { publicAddress } from '../../secrets.ts';

/** Plain `http:` is only allowed for servers on this machine. */
export const isLocal = ({ hostname }: URL) => ['localhost', '127.0.0.1', '[::1]'].includes(hostname);

/**
 * Parses an allowed address: `https:`, or `http:` on this machine.
 * @throws ThawError `network`
 */
export function allowedAddress(address: string): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && isLocal(url))) return url;
  if (url?.protocol === 'http:')
    throw new ThawError(
      'network',
      `${url.href} is not encrypted`,
      'Use an https:// address, or download the file yourself',
    );
  throw new ThawError('network', `${publicAddress(address)} is not a supported address`, 'Use an https:// address');
}

/** `fetch` that also ends with a signal. */
export const endingWith = (signal: AbortSignal | undefined, fetcher: typeof fetch): typeof fetch =>
  signal
    ? (input, init) =>
        fetcher(input, { ...init, signal: init?.signal ? AbortSignal.any([signal, init.signal]) : signal })
    : fetcher;

export const isRedirect = ({ status }: Response): boolean => [301, 302, 303, 307, 308].includes(status);

/**
 * `fetch` with its own redirects: never from an encrypted address to a plain one or to this machine, and without the access token on
 * another host. Returns the redirect itself to those who handle it (`redirect: 'manual'`). Connection errors become one line.
 */
export function guarded(fetcher: typeof fetch): typeof fetch {
  return async (input, init = {}) => {
    let url = allowedAddress(input instanceof Request ? input.url : String(input));
    const local = url.protocol === 'http:';
    const headers = new Headers(init.headers);
    for (let hop = 0; hop < 10; hop++) {
      const response = await request(fetcher, url, { ...init, headers, redirect: 'manual' });
      const location = response.headers.get('location');
      if (!isRedirect(response) || !location || init.redirect === 'manual') return response;
      await response.body?.cancel();
      const next = allowedAddress(new URL(location, url).href);
      if (next.protocol === 'http:' && !local)
        throw new ThawError('network', `${url.href} redirects to ${next.href}, which is not encrypted`);
      if (next.origin !== url.origin) headers.delete('authorization');
      else if (!next.username) [next.username, next.password] = [url.username, url.password];
      url = next;
    }
    throw new ThawError('network', `${url.href} redirects too often`, 'Check the address');
  };
}

/** `fetch` does not support a user and password in the address. They become a header. */
async function request(fetcher: typeof fetch, url: URL, init: RequestInit): Promise<Response> {
  const { username, password } = url;
  const bare = new URL(url);
  [bare.username, bare.password] = ['', ''];
  const headers = new Headers(init.headers);
  if (username || password) {
    const user = Buffer.from([username, password].map(decodeURIComponent).join(':')).toString('base64');
    headers.set('authorization', `Basic ${user}`);
  }
  try {
    return await fetcher(bare, { ...init, headers });
  } catch (cause) {
    throw unreachable(url, cause);
  }
}

/** The reason of a failed request is often in its cause. */
export function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  const code = (cause as { code?: unknown } | undefined)?.code;
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'unknown host';
  if (code === 'ECONNREFUSED') return 'the connection was refused';
  if (code === 'ECONNRESET' || code === 'UND_ERR_SOCKET') return 'the connection was lost';
  if (typeof code === 'string' && code.includes('TIMEOUT')) return 'the request timed out';
  return String((cause as Error | undefined)?.message || code || cause).replace(/\s+/g, ' ');
}

const unreachable = (url: URL, cause: unknown): ThawError =>
  new ThawError(
    'network',
    `cannot reach ${url.host}: ${reasonOf(cause)}`,
    'Check the network and the address, or download the model on another machine and give its path',
    { cause },
  );
