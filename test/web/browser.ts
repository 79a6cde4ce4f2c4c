/** A page in a real browser, with Thaw's scripts beside it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { type Browser, chromium } from 'playwright-core';
import { findBrowser } from '../../scripts/test/browsers.ts';

/** @throws Error that says how to get one */
export function findChromium(): string {
  const found = findBrowser('chromium');
  if (found) return found;
  throw new Error(
    'there is no Chromium for the browser tests: `npx tsx scripts/test/prepare.ts` installs it, or set CHROMIUM_PATH to a Chromium or Chrome',
  );
}

/** WebGPU on the processor, where there is no graphics card. */
const SOFTWARE_WEBGPU = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader', '--enable-features=Vulkan'];

/** Milliseconds that a page may take for one thing: on a busy machine, some take minutes. */
const PATIENCE = 240_000;

/** @param own arguments beyond the usual ones */
export async function launch(own: readonly string[] = []): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: findChromium(),
    // Containers have no user namespaces for the sandbox, and little shared memory.
    args: ['--no-sandbox', '--disable-dev-shm-usage', ...SOFTWARE_WEBGPU, ...own],
    timeout: PATIENCE,
  });
  // Playwright has no such setting for a whole browser.
  const newContext = browser.newContext.bind(browser);
  browser.newContext = async (options) => {
    const context = await newContext(options);
    context.setDefaultTimeout(PATIENCE);
    return context;
  };
  return browser;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
  '.json': 'application/json',
};

/** A page of one script; without one, of Thaw as a plain module script, at `globalThis.thaw`. */
const pageOf = (script: string | undefined): string =>
  `<!doctype html><meta charset="utf-8"><title>Thaw</title>${
    script
      ? `<script type="module" src="${script}"></script>`
      : `<script type="module">import * as thaw from '/scripts/thaw.js'; globalThis.thaw = thaw;</script>`
  }`;

export interface Site {
  /** Ends in a slash. */
  readonly address: string;
  close(): Promise<void>;
}

/**
 * Serves folders by the first part of a path.
 *
 * @param script of the page at the root
 * @param others who else answers, by the same part
 * @param isolated whether pages are cross-origin isolated, as threads of WebAssembly need
 */
export async function serveFolders(
  folders: Readonly<Record<string, string>>,
  isolated: boolean,
  script?: string,
  others: Readonly<Record<string, RequestListener>> = {},
): Promise<Site> {
  const server: Server = createServer(async (request, response) => {
    const { url = '/' } = request;
    const [, first, ...rest] = decodeURIComponent(new URL(url, 'http://localhost').pathname).split('/');
    const isolation = isolated
      ? { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' }
      : {};
    if (others[first]) {
      others[first](request, response);
      return;
    }
    if (first === '') {
      response.writeHead(200, { ...isolation, 'Content-Type': 'text/html' });
      response.end(pageOf(script));
      return;
    }
    const folder = folders[first];
    const path = normalize(rest.join('/'));
    const contents =
      folder && !path.startsWith('..') ? await readFile(join(folder, path)).catch(() => undefined) : undefined;
    if (!contents) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { ...isolation, 'Content-Type': TYPES[extname(path)] ?? 'application/octet-stream' });
    response.end(contents);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** `thaw.js` and `worker.js`, bundled as `npm run build` bundles them. */
export async function bundleScripts(): Promise<{ readonly folder: string; remove(): void }> {
  const folder = mkdtempSync(join(tmpdir(), 'thaw-web-'));
  await build({
    entryPoints: { thaw: 'src/web/index.ts', worker: 'src/web/worker.ts' },
    outdir: folder,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    logLevel: 'error',
  });
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** ONNX Runtime's files for the web. */
export const runtimeAssets = (): string => dirname(fileURLToPath(import.meta.resolve('onnxruntime-web')));
