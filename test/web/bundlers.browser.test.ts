/** The package as applications bundle it: their bundle runs in a browser, with its worker, and without a CDN. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build as esbuild } from 'esbuild';
import type { Browser } from 'playwright-core';
import { build as vite } from 'vite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import webpack from 'webpack';
import { launch, runtimeAssets, serveFolders } from './browser.ts';

/** An application: it starts the worker, and asks it something. */
const APPLICATION = `import { startWorker } from 'thaw/web';
const client = startWorker({ assets: new URL('/ort', location.href).href });
globalThis.answer = client.projects();
`;
/** Where a bundler makes no worker of \`new Worker(new URL(…))\`, the application has it as an entry of its own. */
const APPLICATION_WITH_WORKER = `import { startWorker } from 'thaw/web';
const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
const client = startWorker({ worker, assets: new URL('/ort', location.href).href });
globalThis.answer = client.projects();
`;

let folder: string;
let browser: Browser;

beforeAll(async () => {
  expect(existsSync('dist/web/index.js'), 'npm run build comes first').toBe(true);
  folder = mkdtempSync(join(tmpdir(), 'thaw-bundlers-'));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(resolve('.'), join(folder, 'node_modules', 'thaw'), 'dir');
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(folder, 'main.js'), APPLICATION);
  writeFileSync(join(folder, 'own.js'), APPLICATION_WITH_WORKER);
  writeFileSync(join(folder, 'index.html'), '<!doctype html><script type="module" src="/main.js"></script>');
  browser = await launch();
});
afterAll(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

const bundlers: Readonly<Record<string, (out: string) => Promise<string>>> = {
  async vite(out) {
    await vite({
      root: folder,
      base: './',
      logLevel: 'error',
      worker: { format: 'es' },
      build: { outDir: out, minify: false, rollupOptions: { input: join(folder, 'main.js') } },
    });
    return join('assets', readdirSync(join(out, 'assets')).find((name) => name.startsWith('main'))!);
  },
  async webpack(out) {
    const compiler = webpack({
      mode: 'production',
      context: folder,
      entry: './main.js',
      output: { path: out, filename: 'main.js' },
      optimization: { minimize: false },
    });
    await new Promise<void>((done, reject) => {
      compiler!.run((error, stats) => {
        if (error || stats?.hasErrors()) reject(error ?? new Error(stats!.toString({ all: false, errors: true })));
        else done();
      });
    });
    return 'main.js';
  },
  async esbuild(out) {
    await esbuild({
      absWorkingDir: folder,
      entryPoints: { main: './own.js', worker: 'thaw/web/worker' },
      outdir: out,
      bundle: true,
      format: 'esm',
      platform: 'browser',
      logLevel: 'error',
    });
    return 'main.js';
  },
};

test.each(Object.keys(bundlers))('%s', async (name) => {
  const out = join(folder, `out-${name}`);
  const script = await bundlers[name](out);
  const site = await serveFolders({ scripts: out, ort: runtimeAssets() }, true, `/scripts/${script}`);
  const page = await browser.newPage();
  const requested: string[] = [];
  page.on('request', (request) => requested.push(request.url()));
  await page.goto(site.address);
  await page.waitForFunction(() => 'answer' in globalThis);
  // biome-ignore lint/suspicious/noExplicitAny: the application put it there
  expect(await page.evaluate(() => (globalThis as any).answer)).toEqual([]);
  await page.close();
  await site.close();
  expect(requested.filter((url) => !url.startsWith(site.address) && !url.startsWith('blob:'))).toEqual([]);
});

test('as plain module scripts, the worker beside', async () => {
  const page = await browser.newPage();
  const site = await serveFolders({ scripts: resolve('dist/browser'), ort: runtimeAssets() }, true);
  await page.goto(site.address);
  await page.waitForFunction(() => 'thaw' in globalThis);
  const answer = await page.evaluate(() => {
    // biome-ignore lint/suspicious/noExplicitAny: the page's own script put it there
    const client = (globalThis as any).thaw.startWorker({ assets: new URL('/ort', location.href).href });
    return client.projects();
  });
  expect(answer).toEqual([]);
  await page.close();
  await site.close();
  const imports = readFileSync('dist/browser/thaw.js', 'utf8').match(/from\s*"(?!\.)[^"]+"/g);
  expect(imports).toBeNull();
});
