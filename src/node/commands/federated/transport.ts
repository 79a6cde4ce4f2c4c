import { readFile } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { ThawError } from '../../../errors.ts';
import { fetchTransport, readWithin, type Transport } from '../../../federated/flower/index.ts';
import { publicAddress } from '../../../secrets.ts';

export interface SuperLinkAddress {
  /** `host:port`, or an `https:` address, optionally with a path (behind a proxy). */
  readonly superlink: string;
  /** Whether the SuperLink uses HTTP without TLS. */
  readonly insecure?: boolean;
  /** PEM file of certificates to trust instead of the usual ones. */
  readonly rootCertificates?: string;
}

/**
 * The connection to a SuperLink.
 *
 * @throws ThawError `bad-config` for an invalid address, `not-found` if the certificates do not exist
 */
export async function transportTo(address: SuperLinkAddress): Promise<Transport> {
  const url = addressOf(address);
  const { rootCertificates } = address;
  if (rootCertificates === undefined) return fetchTransport(url);
  if (address.insecure)
    throw new ThawError('bad-config', '--root-certificates and --insecure contradict each other', 'Remove one of them');
  const ca = await readFile(rootCertificates).catch((cause: Error) => {
    throw new ThawError(
      'not-found',
      `${rootCertificates} cannot be read: ${cause.message}`,
      'Check --root-certificates',
    );
  });
  return withRootCertificates(url, ca);
}

function addressOf({ superlink, insecure = false }: SuperLinkAddress): string {
  const full = /^https?:\/\//.test(superlink) ? superlink : `${insecure ? 'http' : 'https'}://${superlink}`;
  const url = URL.canParse(full) ? new URL(full) : undefined;
  if (!url?.hostname || url.username || url.password || url.search) {
    throw new ThawError(
      'bad-config',
      `${publicAddress(full).replace(/^https?:\/\//, '')} is not the address of a SuperLink`,
      'Write host:port, such as 10.0.0.5:8000',
    );
  }
  if (url.protocol === 'http:' && !insecure)
    throw new ThawError('bad-config', `${superlink} is not encrypted`, 'Use https:, or add --insecure');
  if (url.protocol === 'https:' && insecure)
    throw new ThawError(
      'bad-config',
      `--insecure contradicts the encrypted address ${superlink}`,
      'Remove --insecure, or use http:',
    );
  return `${url.origin}${url.pathname}`;
}

/** TLS with custom root certificates, which `fetch` does not support. */
function withRootCertificates(address: string, ca: Buffer): Transport {
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
