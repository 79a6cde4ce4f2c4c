/**
 * Serves folders to this machine, or to its network, with the security headers of the studio. Cross-origin isolation enables WebAssembly
 * threads.
 */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize, sep } from 'node:path';
import { PAGE_HEADERS, SECURITY_HEADERS } from '../../content-security.ts';
import { inUrl, isEverywhere, isNamed, LOCAL_NAMES, listen, namesOf, ownAddresses, withoutToken } from '../network.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.webmanifest': 'application/manifest+json',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
  '.onnx': 'application/octet-stream',
  '.md': 'text/plain; charset=utf-8',
};

// The service worker caches the files of the page. All other requests go to this server.
const CACHING = { 'Cache-Control': 'no-cache' };
const HEADERS = { ...SECURITY_HEADERS, ...CACHING };

export interface Serving {
  /** For this machine. Ends in a slash. */
  readonly address: string;
  /** For other devices, the likeliest to work first; empty if only this machine is served. */
  readonly network: readonly string[];
  close(): Promise<void>;
}

/** A file: its contents, its path, or a function that makes its contents for each request. */
type Addition = Uint8Array | string | (() => Uint8Array);

/** Serves other devices too. */
export interface NetworkAccess {
  /** Address or name to listen on. */
  readonly host: string;
  /** Every URL begins with it. */
  readonly token: string;
}

export interface ServeOptions {
  /** Other folders, by their name inside the first one. */
  readonly folders?: Readonly<Record<string, string>>;
  /** Other files, by their name inside the first one. */
  readonly files?: Readonly<Record<string, Addition>>;
  /** Only this machine is served unless given. */
  readonly network?: NetworkAccess;
  /** PEM texts, for https. */
  readonly tls?: { readonly cert: string | Buffer; readonly key: string | Buffer };
}

/** @param port 0 for any free port */
export async function serve(folder: string, port: number, options: ServeOptions = {}): Promise<Serving> {
  const { network, tls } = options;
  const site = (): Site => ({ port: (server.address() as AddressInfo).port, isSecure: tls !== undefined, network });
  const listener: RequestListener = async (request, response) => {
    const refuse = ({ status, text, headers }: Refusal) => {
      response.writeHead(status, { ...HEADERS, ...headers, 'Content-Type': 'text/plain' });
      response.end(`${text}\n`);
    };
    const path = admit(request, site());
    if (typeof path !== 'string') return refuse(path);
    const { method } = request;
    const file = await fileFor(folder, options, path);
    if (!file) return refuse({ status: 404, text: 'not found' });
    if (method !== 'GET' && method !== 'HEAD') return refuse({ status: 405, text: 'only GET is supported' });
    const end = extname(file.path);
    const type = TYPES[end] ?? 'application/octet-stream';
    const security = end === '.html' ? { ...PAGE_HEADERS, ...CACHING } : HEADERS;
    response.writeHead(200, { ...security, 'Content-Type': type, 'Content-Length': file.size });
    if (method === 'HEAD') response.end();
    else if (file.contents) response.end(file.contents);
    else createReadStream(file.path).pipe(response);
  };
  const server: Server = tls ? createSecureServer(tls, listener) : createServer(listener);
  await listen(server, { port, host: network?.host ?? '127.0.0.1' });
  return {
    ...addressesOf(site()),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A server that listens. */
interface Site {
  readonly port: number;
  readonly isSecure: boolean;
  readonly network: NetworkAccess | undefined;
}

function addressesOf({ port, isSecure, network }: Site): Pick<Serving, 'address' | 'network'> {
  const url = (host: string) =>
    `${isSecure ? 'https' : 'http'}://${inUrl(host)}:${port}/${network ? `${network.token}/` : ''}`;
  if (!network) return { address: url('127.0.0.1'), network: [] };
  const { host } = network;
  return isEverywhere(host)
    ? { address: url('127.0.0.1'), network: ownAddresses().map(url) }
    : { address: url(host), network: [url(host)] };
}

interface Refusal {
  readonly status: number;
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** @returns the path of the file that a request asks for, or why it gets none */
function admit({ url = '/', headers: { host } }: IncomingMessage, site: Site): string | Refusal {
  const { network } = site;
  if (!isOwnHost(host, site)) {
    const text = network ? 'open the address that the command printed' : 'this server only answers to localhost';
    return { status: 421, text };
  }
  if (!network) return url;
  const path = withoutToken(url, network.token);
  if (path === undefined) return { status: 403, text: 'open the address that the command printed, with its token' };
  if (path.startsWith('/')) return path;
  return { status: 308, text: 'the address ends in a slash', headers: { Location: `/${network.token}/` } };
}

/** Whether the Host header names this machine. Otherwise a foreign page could read the answers (DNS rebinding). */
function isOwnHost(host: string | undefined, { port, isSecure, network }: Site): boolean {
  const names = network ? namesOf(network.host) : LOCAL_NAMES;
  return isNamed(host?.toLowerCase(), names, port, isSecure ? 443 : 80);
}

interface ServedFile {
  readonly path: string;
  readonly size: number;
  /** Unless they are on disk. */
  readonly contents?: Uint8Array;
}

async function fileFor(
  root: string,
  { folders, files = {} }: ServeOptions,
  url: string,
): Promise<ServedFile | undefined> {
  const path = pathOf(url);
  if (path === undefined) return undefined;
  const name = path.slice(1);
  const addition = Object.hasOwn(files, name) ? files[name] : undefined;
  const added = typeof addition === 'function' ? addition() : addition;
  if (added instanceof Uint8Array) return { path: name, size: added.length, contents: added };
  return fileAt(added ?? placeOf(root, folders ?? {}, path));
}

async function fileAt(place: string | undefined): Promise<ServedFile | undefined> {
  if (place === undefined) return undefined;
  const path = place.endsWith(sep) ? join(place, 'index.html') : place;
  const stats = await stat(path).catch(() => undefined);
  return stats?.isFile() ? { path, size: stats.size } : undefined;
}

/** Undefined for an invalid one. */
function pathOf(url: string): string | undefined {
  try {
    const path = decodeURIComponent(new URL(url, 'http://localhost').pathname);
    return path.includes('\0') ? undefined : path;
  } catch {
    return undefined;
  }
}

/** Undefined for a path outside the folders. */
function placeOf(root: string, folders: Readonly<Record<string, string>>, path: string): string | undefined {
  const [, first, rest] = /^\/([^/]*)(\/.*)?$/.exec(path) ?? [];
  if (first === undefined) return undefined;
  const inner = Object.hasOwn(folders, first) ? folders[first] : undefined;
  const folder = inner ?? root;
  const file = normalize(join(folder, inner === undefined ? path : (rest ?? '')));
  return file.startsWith(normalize(folder + sep)) ? file : undefined;
}
