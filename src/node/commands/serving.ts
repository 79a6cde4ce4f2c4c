/** Serves folders to this machine, with the security headers of the studio. Cross-origin isolation enables WebAssembly threads. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize, sep } from 'node:path';
import { PAGE_HEADERS, SECURITY_HEADERS } from '../../content-security.ts';

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
  /** Ends in a slash. */
  readonly address: string;
  close(): Promise<void>;
}

/** What is served next to the files of the folder. */
export interface Additions {
  /** Other folders, by their name inside the first one. */
  readonly folders?: Readonly<Record<string, string>>;
  /** Other files, by their name inside the first one: their contents, or their paths. */
  readonly files?: Readonly<Record<string, Uint8Array | string>>;
}

/** @param port 0 for any free port */
export async function serve(folder: string, port: number, additions: Additions = {}): Promise<Serving> {
  const server = createServer(async ({ url = '/', method, headers: { host } }, response) => {
    if (!isLocalHost(host, (server.address() as AddressInfo | null)?.port)) {
      response.writeHead(421, { ...HEADERS, 'Content-Type': 'text/plain' });
      response.end('this server only answers to localhost\n');
      return;
    }
    const file = await fileFor(folder, additions, url);
    if (!file || (method !== 'GET' && method !== 'HEAD')) {
      response.writeHead(file ? 405 : 404, { ...HEADERS, 'Content-Type': 'text/plain' });
      response.end(file ? 'only GET is supported\n' : 'not found\n');
      return;
    }
    const end = extname(file.path);
    const type = TYPES[end] ?? 'application/octet-stream';
    const security = end === '.html' ? { ...PAGE_HEADERS, ...CACHING } : HEADERS;
    response.writeHead(200, { ...security, 'Content-Type': type, 'Content-Length': file.size });
    if (method === 'HEAD') response.end();
    else if (file.contents) response.end(file.contents);
    else createReadStream(file.path).pipe(response);
  });
  await listening(server, port);
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Whether the Host header names this machine. Otherwise a foreign page could read the answers (DNS rebinding). */
function isLocalHost(host: string | undefined, port: number | undefined): boolean {
  const names = ['127.0.0.1', 'localhost', '[::1]'];
  return names.some((name) => host === `${name}:${port}` || (port === 80 && host === name));
}

interface ServedFile {
  readonly path: string;
  readonly size: number;
  /** Unless they are on disk. */
  readonly contents?: Uint8Array;
}

async function fileFor(root: string, { folders, files = {} }: Additions, url: string): Promise<ServedFile | undefined> {
  const path = pathOf(url);
  if (path === undefined) return undefined;
  const name = path.slice(1);
  const added = Object.hasOwn(files, name) ? files[name] : undefined;
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

const listening = (server: Server, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
