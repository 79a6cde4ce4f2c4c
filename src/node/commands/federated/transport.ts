import { readFile } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { ThawError } from '../../../errors.ts';
import { fetchTransport, readWithin, type Transport } from '../../../federated/flower/index.ts';
import { publicAddress } from '../../../secrets.ts';

export interface SuperLinkAddress {
  /** `host:port`, or an address with `https:` and perhaps a path, as of a proxy. */
  readonly superlink: string;
  /** Whether it speaks HTTP without TLS. */
  readonly insecure?: boolean;
  /** A PEM file of certificates to trust in place of the usual ones. */
  readonly rootCertificates?: string;
}

/**
 * How a SuperLink is reached.
 *
 * @throws ThawError `bad-config` for an address that is none, `not-found` for certificates that are not there
 */
export async function transportTo(address: SuperLinkAddress): Promise<Transport> {
  const url = addressOf(address);
  const { rootCertificates } = address;
  if (rootCertificates === undefined) return fetchTransport(url);
  if (address.insecure)
    throw new ThawError('bad-config', '--root-certificates and --insecure exclude each other', 'Leave one of them out');
  const ca = await readFile(rootCertificates).catch((cause: Error) => {
    throw new ThawError(
      'not-found',
      `${rootCertificates} cannot be read: ${cause.message}`,
      'Check --root-certificates',
    );
  });
  return trusting(url, ca);
}

function addressOf({ superlink, insecure = false }: SuperLinkAddress): string {
  const full = /^https?:\/\//.test(superlink) ? superlink : `${insecure ? 'http' : 'https'}://${superlink}`;
  const url = URL.canParse(full) ? new URL(full) : undefined;
  if (!url?.hostname || url.username || url.password || url.search) {
    throw new ThawError(
      'bad-config',
      `${publicAddress(full).replace(/^https?:\/\//, '')} is no address of a SuperLink`,
      'Write host:port, as in 10.0.0.5:8000',
    );
  }
  if (url.protocol === 'http:' && !insecure)
    throw new ThawError('bad-config', `${superlink} is not encrypted`, 'Write https:, or say --insecure');
  if (url.protocol === 'https:' && insecure)
    throw new ThawError('bad-config', `--insecure says that ${superlink} is not encrypted`, 'Leave out one of the two');
  return `${url.origin}${url.pathname}`;
}

/** Over TLS with certificates of its own to trust, which `fetch` cannot be told. */
function trusting(address: string, ca: Buffer): Transport {
  const agent = new Agent({ ca, keepAlive: true });
  const base = address.replace(/\/+$/, '');
  return {
    address: base,
    exchange: (path, { body, headers, signal, limit }) =>
      new Promise((resolve, reject) => {
        const length = body && { 'content-length': String(body.length) };
        const options = { agent, signal, method: body ? 'POST' : 'GET', headers: { ...headers, ...length } };
        const asked = request(base + path, options, async (response) => {
          try {
            resolve({ status: response.statusCode!, body: await readWithin(limit, response) });
          } catch (error) {
            reject(error);
          }
        });
        asked.on('error', reject);
        asked.end(body);
      }),
  };
}
