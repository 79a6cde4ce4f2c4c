// What the studio may reach: nothing of another origin, neither from its page nor from a worker, which holds the images. A second server
// notes every connection that is made to it.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import type { Browser, BrowserContext, Page, Worker } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { buildStudio } from '../../scripts/studio/build.ts';
import { HUB } from '../../src/content-security.ts';
import { type Serving, serve } from '../../src/node/commands/serving.ts';
import { launch } from './browser.ts';

let folder: string;
let serving: Serving;
let browser: Browser;
let stranger: Server;
const seen: string[] = [];

const listen = (server: Server) =>
  new Promise<string>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(`127.0.0.1:${(server.address() as AddressInfo).port}`));
  });
let elsewhere: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'thaw-studio-'));
  await buildStudio(folder);
  serving = await serve(folder, 0);
  stranger = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    response.writeHead(200, {
      'Access-Control-Allow-Origin': '*',
      'Cross-Origin-Resource-Policy': 'cross-origin',
      'Content-Type': 'text/javascript',
    });
    response.end('1');
  });
  stranger.on('upgrade', (request, socket) => {
    seen.push(`WebSocket ${request.url}`);
    socket.destroy();
  });
  elsewhere = await listen(stranger);
  browser = await launch();
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await serving?.close();
  stranger?.closeAllConnections();
  stranger?.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => void seen.splice(0));

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
};

/** The studio's files as a host gives them that sends no headers of ours. */
async function plainHost(): Promise<{ readonly address: string; close(): void }> {
  const server = createServer(async ({ url }, response) => {
    const path = url === '/' ? 'index.html' : new URL(url!, serving.address).pathname;
    const type = TYPES[extname(path)] ?? 'application/octet-stream';
    const contents = await readFile(join(folder, path)).catch(() => undefined);
    response.writeHead(contents ? 200 : 404, { 'Content-Type': type }).end(contents);
  });
  const address = `http://${await listen(server)}/`;
  return {
    address,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Tries each way out that a page or a worker has. @returns those that were not refused */
async function waysOut(pageOrWorker: Page | Worker, host: string): Promise<string[]> {
  // Both evaluate alike, but TypeScript cannot call a union of generic functions.
  const place = pageOrWorker as Page;
  // As text, since Vite would write its own import in place of this one.
  const imported = await place.evaluate<boolean>(`import('http://${host}/import.js').then(() => true, () => false)`);
  const open = await place.evaluate(async (to: string) => {
    const ways: Record<string, () => Promise<unknown>> = {
      fetch: () => fetch(`http://${to}/fetch`),
      post: () => fetch(`http://${to}/post`, { method: 'POST', mode: 'no-cors', body: 'images' }),
      socket: () =>
        new Promise((resolve, reject) => {
          const socket = new WebSocket(`ws://${to}/socket`);
          socket.onopen = resolve;
          socket.onerror = reject;
        }),
      events: () =>
        new Promise((resolve, reject) => {
          const events = new EventSource(`http://${to}/events`);
          events.onopen = resolve;
          events.onerror = () => {
            events.close();
            reject(new Error('refused'));
          };
        }),
      classicWorker: () =>
        new Promise((resolve, reject) => {
          const script = `try { importScripts('http://${to}/scripts.js'); postMessage(1); } catch { postMessage(0); }`;
          const worker = new Worker(URL.createObjectURL(new Blob([script], { type: 'text/javascript' })));
          worker.onmessage = ({ data }) => (data ? resolve(data) : reject(new Error('refused')));
          worker.onerror = reject;
        }),
      image: () =>
        new Promise((resolve, reject) => {
          if (!('Image' in globalThis)) throw new Error('workers have none');
          const image = new Image();
          image.onload = resolve;
          image.onerror = reject;
          image.src = `http://${to}/image`;
        }),
    };
    const open: string[] = [];
    for (const [name, way] of Object.entries(ways)) {
      await way().then(
        () => open.push(name),
        () => undefined,
      );
    }
    return open;
  }, host);
  return imported ? [...open, 'import'] : open;
}

const newWorker = (page: Page) => page.waitForEvent('worker');

/** The worker that trains. */
async function trainingWorker(page: Page): Promise<Worker> {
  await page.getByRole('button', { name: 'Try it with drawings' }).click();
  await page.waitForSelector('.thumbnails');
  const [worker] = await Promise.all([
    newWorker(page),
    page.getByRole('button', { name: 'Train', exact: true }).click(),
  ]);
  await page.waitForSelector('.layers .lit');
  return worker;
}

/** A worker from its file, as ONNX Runtime starts its threads: it takes the policy of its own response. */
async function workerOfFile(page: Page): Promise<Worker> {
  const file = readdirSync(join(folder, 'assets')).find((name) => /^worker-.*\.js$/.test(name))!;
  const [worker] = await Promise.all([
    newWorker(page),
    page.evaluate((path) => void new Worker(path, { type: 'module' }), `assets/${file}`),
  ]);
  return worker;
}

async function open(context: BrowserContext, address: string): Promise<Page> {
  const page = await context.newPage();
  await page.goto(address);
  await page.waitForSelector('#images');
  return page;
}

test('served by Thaw, neither the page nor a worker reaches another origin', async () => {
  const context = await browser.newContext({ serviceWorkers: 'block' });
  const page = await open(context, serving.address);
  expect(await waysOut(page, elsewhere)).toEqual([]);
  expect(await waysOut(await workerOfFile(page), elsewhere)).toEqual([]);
  expect(await waysOut(await trainingWorker(page), elsewhere)).toEqual([]);
  expect(seen).toEqual([]);
  await context.close();
});

/** Whether the policy of a page or a worker refuses the hub; a network that is not there refuses it otherwise. */
const refusesHub = (place: Page | Worker, address = HUB): Promise<boolean> =>
  (place as Page).evaluate(async (to) => {
    const refused = new Promise<boolean>((resolve) => {
      addEventListener('securitypolicyviolation', () => resolve(true));
    });
    await fetch(`${to}/api/models`).catch(() => undefined);
    // The event comes after the failure.
    const none = new Promise<boolean>((resolve) => {
      setTimeout(() => resolve(false), 1000);
    });
    return Promise.race([refused, none]);
  }, address);

test('served by Thaw, the page reaches the hub for its model, and the workers with the images do not', async () => {
  const context = await browser.newContext({ serviceWorkers: 'block' });
  const page = await open(context, serving.address);
  expect(await refusesHub(page)).toBe(false);
  // To which the hub redirects.
  expect(await refusesHub(page, 'https://cas-bridge.xethub.hf.co')).toBe(false);
  expect(await refusesHub(page, 'https://hf.co.example')).toBe(true);
  expect(await refusesHub(await workerOfFile(page))).toBe(true);
  expect(await refusesHub(await trainingWorker(page))).toBe(true);
  await context.close();
});

test('on a plain host the worker that trains reaches no other origin from the first visit on', {
  timeout: 300_000,
}, async () => {
  const plain = await plainHost();
  const context = await browser.newContext({ serviceWorkers: 'block' });
  const page = await open(context, plain.address);
  expect(await waysOut(page, elsewhere)).toEqual([]);
  expect(await waysOut(await trainingWorker(page), elsewhere)).toEqual([]);
  expect(seen).toEqual([]);
  // What is asked here is noticed: without a header, a worker from its file goes where it likes.
  expect(await waysOut(await workerOfFile(page), elsewhere)).toEqual(expect.arrayContaining(['fetch', 'post']));
  expect(seen).toEqual(expect.arrayContaining(['GET /fetch', 'POST /post', 'WebSocket /socket', 'GET /import.js']));
  await context.close();
  plain.close();
});

test('from the service worker, without the host, all of it has the policy', async () => {
  const plain = await plainHost();
  const context = await browser.newContext();
  const first = await open(context, plain.address);
  await first.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
  await first.waitForFunction(() => navigator.serviceWorker.controller !== null);
  await first.close();
  plain.close();
  const page = await open(context, plain.address);
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
  expect(await waysOut(page, elsewhere)).toEqual([]);
  expect(await waysOut(await workerOfFile(page), elsewhere)).toEqual([]);
  expect(await waysOut(await trainingWorker(page), elsewhere)).toEqual([]);
  expect(seen).toEqual([]);
  await context.close();
});

test('no page may frame the studio', async () => {
  const frame = createServer((_, response) => {
    response.writeHead(200, { 'Content-Type': 'text/html' });
    response.end(`<iframe src="${serving.address}"></iframe>`);
  });
  const page = await browser.newPage();
  await page.goto(`http://${await listen(frame)}/`);
  const [, inner] = page.frames();
  expect(await inner.evaluate(() => document.querySelector('#studio')).catch(() => null)).toBeNull();
  await page.close();
  frame.closeAllConnections();
  frame.close();
});

/** A PNG that says it is 30000 pixels wide and high. */
const bomb = Buffer.from(
  `89504e470d0a1a0a0000000d49484452${(30000).toString(16).padStart(8, '0').repeat(2)}080200000000000000`,
  'hex',
);

test('files are refused for what their first bytes say, before they are decoded', async () => {
  const page = await browser.newPage();
  const decoded =
    'globalThis.decoded = 0; const real = createImageBitmap; createImageBitmap = (...given) => { decoded++; return real(...given); }';
  await page.addInitScript(decoded);
  await page.goto(serving.address);
  await page
    .locator('#images input[type=file]')
    .first()
    .setInputFiles([
      { name: 'bomb.png', mimeType: 'image/png', buffer: bomb },
      { name: 'notes.png', mimeType: 'image/png', buffer: Buffer.from('no image at all') },
    ]);
  const message = page.getByRole('alert').filter({ hasText: 'left out' });
  await message.waitFor();
  expect(await message.textContent()).toContain(
    '“bomb.png” (30000x30000 pixels: 900 megapixels, the limit is 268) and “notes.png” (not an image) were left out.',
  );
  expect(await page.evaluate('decoded')).toBe(0);
  await page.close();
});
