/** Serves folders to this machine, with the security headers of the studio. Cross-origin isolation enables WebAssembly threads. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize, sep } from 'node:path';
import { SECURITY_HEADERS } from '../../content-security.ts';

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

const HEADERS = {
  ...SECURITY_HEADERS,
  // The service worker caches the files of the page. All other requests go to this server.
  'Cache-Control': 'no-cache',
};

export interface Serving {
  /** Ends in a slash. */
  readonly address: string;
  close(): Promise<void>;
}

/**
 * @param port 0 for any free port
 * @param within other folders, by their name inside the first one
 */
export async function serve(
  folder: string,
  port: number,
  within: Readonly<Record<string, string>> = {},
): Promise<Serving> {
  const server = createServer(async ({ url = '/', method, headers: { host } }, response) => {
    if (!isLocalHost(host, (server.address() as AddressInfo | null)?.port)) {
      response.writeHead(421, { ...HEADERS, 'Content-Type': 'text/plain' });
      response.end('this server only answers to localhost\n');
      return;
    }
    const path = pathIn(folder, within, url);
    const file = path && (await fileAt(path));
    if (!file || (method !== 'GET' && method !== 'HEAD')) {
      response.writeHead(file ? 405 : 404, { ...HEADERS, 'Content-Type': 'text/plain' });
      response.end(file ? 'only GET is supported\n' : 'not found\n');
      return;
    }
    const type = TYPES[extname(file.path)] ?? 'application/octet-stream';
    response.writeHead(200, { ...HEADERS, 'Content-Type': type, 'Content-Length': file.size });
    if (method === 'HEAD') response.end();
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

/** Undefined for an invalid path, or one outside the folders. */
function pathIn(root: string, within: Readonly<Record<string, string>>, url: string): string | undefined {
  try {
    const path = decodeURIComponent(new URL(url, 'http://localhost').pathname);
    const [, first, rest] = /^\/([^/]*)(\/.*)?$/.exec(path)!;
    const inner = Object.hasOwn(within, first) ? within[first] : undefined;
    const folder = inner ?? root;
    const file = normalize(join(folder, inner === undefined ? path : (rest ?? '')));
    return file.startsWith(normalize(folder + sep)) && !file.includes('\0') ? file : undefined;
  } catch {
    return undefined;
  }
}

async function fileAt(path: string): Promise<{ readonly path: string; readonly size: number } | undefined> {
  const file = path.endsWith(sep) ? join(path, 'index.html') : path;
  const stats = await stat(file).catch(() => undefined);
  return stats?.isFile() ? { path: file, size: stats.size } : undefined;
}

const listening = (server: Server, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
