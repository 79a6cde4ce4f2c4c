/** A server that other devices of the network reach: its addresses, and the token that each request needs. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { AddressInfo, Server } from 'node:net';
import { hostname, type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import { ThawError } from '../errors.ts';

/** Listens on all networks of this machine. */
export const ALL_NETWORKS = '0.0.0.0';

/** Whether a server on this address listens on all networks. */
export const isEverywhere = (host: string): boolean => host === ALL_NETWORKS || host === '::';

/** Names of this machine for itself. */
export const LOCAL_NAMES: readonly string[] = ['127.0.0.1', 'localhost', '[::1]'];

export const newToken = (): string => randomBytes(16).toString('base64url');

type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/** Interfaces of containers, virtual machines and tunnels, which a phone does not reach. */
const VIRTUAL = /^(docker|br-|veth|virbr|vbox|vmnet|vethernet|utun|tun|tap|wg|zt|tailscale|cni|flannel|bridge)/i;

/** The usual ranges of home and office networks, the likeliest first. */
const RANGES = [/^192\.168\./, /^10\./, /^172\.(1[6-9]|2\d|3[01])\./];

function unlikelihood(name: string, address: string): number {
  const range = RANGES.findIndex((pattern) => pattern.test(address));
  // Without a router, machines choose an address of this range.
  const isStranded = address.startsWith('169.254.');
  return (range < 0 ? RANGES.length : range) + (VIRTUAL.test(name) ? 10 : 0) + (isStranded ? 20 : 0);
}

/** The IPv4 addresses at which other devices may reach this machine, the likeliest first. */
export function ownAddresses(interfaces: Interfaces = networkInterfaces()): readonly string[] {
  const found = Object.entries(interfaces).flatMap(([name, infos = []]) =>
    infos
      .filter(({ family, internal }) => family === 'IPv4' && !internal)
      .map(({ address }) => ({ address, rank: unlikelihood(name, address) })),
  );
  return found.sort((a, b) => a.rank - b.rank).map(({ address }) => address);
}

/** Where a server listens. */
export interface Endpoint {
  /** 0 for any free port. */
  readonly port: number;
  readonly host: string;
}

/** Starts a server. @throws ThawError `bad-config` if the port or the address cannot be used */
export const listen = (server: Server, at: Endpoint): Promise<AddressInfo> =>
  new Promise((resolve, reject) => {
    server.once('error', (error) => reject(asRefusal(error, at)));
    server.listen(at.port, at.host, () => resolve(server.address() as AddressInfo));
  });

/** Turns an error of listening that the user can fix into a ThawError, and returns other errors unchanged. */
function asRefusal(cause: NodeJS.ErrnoException, { port, host }: Endpoint): Error {
  const refused = (message: string, hint: string) => new ThawError('bad-config', message, hint, { cause });
  switch (cause.code) {
    case 'EADDRINUSE':
      return refused(`port ${port} is in use`, 'Choose another port with --port');
    case 'EACCES':
      return refused(`port ${port} needs more rights`, 'Choose a port from 1024 on with --port');
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return refused(
        `${host} is not an address of this machine`,
        `Leave out the address, or give one of ${ownAddresses().join(', ')}`,
      );
    default:
      return cause;
  }
}

/** An address or a name as it stands in a URL. */
export const inUrl = (host: string): string => (host.includes(':') ? `[${host}]` : host);

/** The names by which other devices ask for this machine, lower case. @param given the address or name to listen on */
export function namesOf(given: string): readonly string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((infos = []) => infos.map(({ address }) => address));
  const own = hostname().toLowerCase();
  return [...LOCAL_NAMES, ...[given, ...addresses].map((host) => inUrl(host.toLowerCase())), own, `${own}.local`];
}

/** Whether a Host header has one of the names. @param usual the port that browsers leave out */
export const isNamed = (host: string | undefined, names: readonly string[], port: number, usual = 80): boolean =>
  names.some((name) => host === `${name}:${port}` || (port === usual && host === name));

/** Compares in a time that does not depend on the texts. */
export function isSame(a: string, b: string): boolean {
  const [one, other] = [a, b].map((text) => createHash('sha256').update(text).digest());
  return timingSafeEqual(one, other);
}

/**
 * The URL without the token that it must begin with: `/TOKEN/assets/index.js` is `/assets/index.js`, and `/TOKEN` is empty.
 *
 * @returns undefined if the token is missing or wrong
 */
export function withoutToken(url: string, token: string): string | undefined {
  const [, given, rest] = /^\/([^/?#]*)(.*)$/s.exec(url) ?? ['', '', ''];
  return isSame(given, token) ? rest : undefined;
}
