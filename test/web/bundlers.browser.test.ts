/** The package as applications bundle it: their pages train in a browser, with its worker, and without a CDN. */
import { execFile } from 'node:child_process';
import { cpSync, readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { build as esbuild, transformSync } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { createServer, preview, build as vite } from 'vite';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import webpack from 'webpack';
import { pageFiles, statedSizes } from '../../scripts/build/page-sizes.ts';
import { type InstalledProject, installedProject } from '../../scripts/test/installed.ts';
import { makeProject, type Project } from '../node/commands/project.ts';
import { launch, runtimeAssets, serveFolders } from './browser.ts';

/** Threads of WebAssembly need it. */
const ISOLATED = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

/** Code that trains for as long as a test needs. */
const shortened = (code: string): string => {
  expect(code).toContain(', samples }');
  return code.replace(', samples }', ', samples, settings: { epochs: 2 } }');
};

/** The first page of docs/web.md. */
const [, DOCUMENTED] = /```ts\n(.*?)```/s.exec(readFileSync('docs/web.md', 'utf8'))!;

/** The example of a page, with its options of the worker. */
const example = (options: string): string => {
  const typed = readFileSync('examples/page.ts', 'utf8');
  expect(typed).toContain('startWorker()');
  return transformSync(shortened(typed.replace('startWorker()', `startWorker(${options})`)), { loader: 'ts' }).code;
};

const htmlOf = (script: string): string =>
  `<!doctype html><meta charset="utf-8"><input type="file" multiple><pre></pre><script type="module" src="${script}"></script>`;

/** A page that a server renders first, without `Worker` and `document`. */
const SVELTE = `<script>
  import { startWorker } from 'thaw/web';
  import { onMount } from 'svelte';
  let worker = $state();
  let log = $state('');
  onMount(() => {
    worker = startWorker();
    worker.listen((event) => {
      if (event.type === 'epoch') log += 'epoch ' + event.epoch + ': accuracy ' + event.val.accuracy + '\\n';
    });
    return () => worker.terminate();
  });
  async function train({ target }) {
    const samples = Array.from(target.files, (image) => ({ image, label: image.name.split('-')[0] }));
    const training = await worker.open({ model: '/model/', samples });
    await training.train();
    const result = await training.finish();
    log += result.status + ': ' + result.files.length + ' files';
  }
</script>
<input type="file" multiple disabled={!worker} onchange={train} /><pre>{log}</pre>`;

let project: InstalledProject;
let images: Project;
let browser: Browser;
const closing: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  project = installedProject();
  images = await makeProject();
  browser = await launch();
  project.write('index.html', '<!doctype html><div id="app"></div><script type="module" src="/src/main.ts"></script>');
  project.write('src/main.ts', shortened(DOCUMENTED!));
  project.write('threads.html', htmlOf('/src/threads.js'));
  project.write('src/threads.js', example('{ threads: 2 }'));
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});
afterAll(async () => {
  await browser?.close();
  project?.remove();
  images?.remove();
});

const image = (colour: string, i: number) => readFileSync(join(images.data, 'train', colour, `${i}.png`));
const CHOSEN = ['red', 'blue'].flatMap((colour) => [0, 1, 2, 3].map((i) => [colour, i] as const));
const chosen = () =>
  CHOSEN.map(([colour, i]) => ({ name: `${colour}-${i}.png`, mimeType: 'image/png', buffer: image(colour, i) }));

/** Opens a page. Its errors, and its requests elsewhere, fail the test at its end. */
async function open(address: string): Promise<Page> {
  const page = await browser.newPage();
  const problems: string[] = [];
  page.on('pageerror', ({ message }) => problems.push(message));
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(new URL('/', address).href) && !/^(blob|data):/.test(url)) problems.push(url);
  });
  closing.push(async () => {
    await page.close();
    expect(problems).toEqual([]);
  });
  await page.goto(address);
  return page;
}

/** Trains on the chosen images. @returns the page's log */
async function train(page: Page): Promise<string> {
  await page.locator('input:enabled').first().setInputFiles(chosen());
  await page.waitForFunction(() => document.querySelector('pre')!.textContent!.includes('finished'));
  return (await page.locator('pre').textContent())!;
}

/** Serves a build, with the model. @returns its address */
async function serve(out: string, headers: Readonly<Record<string, string>>): Promise<string> {
  cpSync(join(project.folder, 'public'), out, { recursive: true });
  const config = { root: project.folder, configFile: false, logLevel: 'error', appType: 'mpa' } as const;
  const server = await preview({ ...config, build: { outDir: out }, preview: { headers, host: '127.0.0.1', port: 0 } });
  closing.push(() => server.close());
  return addressOf(server.httpServer.address() as AddressInfo);
}

const addressOf = ({ port }: AddressInfo): string => `http://127.0.0.1:${port}/`;

/** The documented page, to its end. */
async function trainAndPredict(address: string): Promise<void> {
  const page = await open(address);
  const other = page.getByLabel('Another image');
  await page.getByLabel('Images named').setInputFiles(chosen());
  await page.waitForFunction(() => !document.querySelector<HTMLInputElement>('#other')!.disabled);
  await other.setInputFiles({ name: 'other.png', mimeType: 'image/png', buffer: image('red', 7) });
  await page.waitForFunction(() => document.querySelector('#log')!.textContent!.includes('other.png'));
  expect(await page.locator('#log').textContent()).toMatch(
    /^epoch 1: accuracy [\d.]+\n[\s\S]*\nother\.png: (red|blue) \(\d+%\)\n$/,
  );
}

const TRAINED = /^epoch 1: accuracy [\d.]+\n[\s\S]*finished: \d+ files/;

test('Vite’s dev server', async () => {
  const config = { root: project.folder, configFile: false, logLevel: 'error' } as const;
  const server = await createServer({ ...config, server: { host: '127.0.0.1', port: 0 } });
  closing.push(() => server.close());
  await server.listen();
  await trainAndPredict(addressOf(server.httpServer!.address() as AddressInfo));
});

test('Vite’s build, also with threads', async () => {
  const out = join(project.folder, 'out-vite');
  const input = ['index', 'threads'].map((name) => join(project.folder, `${name}.html`));
  const root = project.folder;
  await vite({ root, configFile: false, logLevel: 'error', build: { outDir: out, rolldownOptions: { input } } });
  const stated = statedSizes(readFileSync('docs/sizes.md', 'utf8'));
  for (const { what, bytes } of pageFiles(out).slice(1)) {
    expect(Math.abs(bytes / 1e6 / stated.get(what)! - 1), `${what} in docs/sizes.md`).toBeLessThan(0.1);
  }
  const address = await serve(out, ISOLATED);
  await trainAndPredict(address);
  const page = await open(`${address}threads.html`);
  expect(await train(page)).toMatch(TRAINED);
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
  // Thaw's, and a second thread.
  expect(page.workers()).toHaveLength(2);
});

test('SvelteKit', async () => {
  const kit = join(project.folder, 'kit');
  project.write('kit/package.json', JSON.stringify({ type: 'module' }));
  project.write('kit/src/app.html', '<!doctype html>%sveltekit.head%<body>%sveltekit.body%</body>');
  project.write('kit/src/routes/+page.js', 'export const prerender = true;');
  project.write('kit/src/routes/+page.svelte', shortened(SVELTE));
  const plugin = `import { sveltekit } from '@sveltejs/kit/vite';\nexport default { plugins: [sveltekit()] };`;
  project.write('kit/vite.config.js', plugin);
  // It looks for its files in the working directory.
  await promisify(execFile)(process.execPath, [resolve('node_modules/vite/bin/vite.js'), 'build'], { cwd: kit });
  const out = join(project.folder, 'out-kit');
  const built = join(kit, '.svelte-kit/output');
  for (const part of ['client', 'prerendered/pages']) cpSync(join(built, part), out, { recursive: true });
  expect(await train(await open(await serve(out, {})))).toMatch(TRAINED);
});

test('webpack', async () => {
  const out = join(project.folder, 'out-webpack');
  const compiler = webpack({
    mode: 'production',
    context: project.folder,
    entry: './src/threads.js',
    output: { path: out, filename: 'main.js' },
    optimization: { minimize: false },
  });
  await new Promise<void>((done, reject) => {
    compiler!.run((error, stats) => {
      if (error || stats?.hasErrors()) reject(error ?? new Error(stats!.toString({ all: false, errors: true })));
      else done();
    });
  });
  project.write('out-webpack/index.html', htmlOf('/main.js'));
  expect(await train(await open(await serve(out, ISOLATED)))).toMatch(TRAINED);
});

test('esbuild, with the worker as an entry of its own', async () => {
  const out = join(project.folder, 'out-esbuild');
  const worker = `new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })`;
  project.write('src/own.js', example(`{ worker: ${worker}, assets: '/ort' }`));
  await esbuild({
    absWorkingDir: project.folder,
    entryPoints: { main: './src/own.js', worker: 'thaw/web/worker' },
    outdir: out,
    bundle: true,
    format: 'esm',
    platform: 'browser',
    logLevel: 'error',
  });
  project.write('out-esbuild/index.html', htmlOf('/main.js'));
  cpSync(join(project.folder, 'node_modules/onnxruntime-web/dist'), join(out, 'ort'), { recursive: true });
  expect(await train(await open(await serve(out, {})))).toMatch(TRAINED);
});

test('as plain module scripts, the worker beside', async () => {
  const folders = { scripts: resolve('dist/browser'), ort: runtimeAssets(), model: 'artifacts/default' };
  const site = await serveFolders(folders, true);
  closing.push(() => site.close());
  const page = await open(site.address);
  await page.waitForFunction(() => 'thaw' in globalThis);
  const load = (assets: string) =>
    page.evaluate((asked) => {
      // biome-ignore lint/suspicious/noExplicitAny: the page's own script put it there
      const { loadModel } = (globalThis as any).thaw;
      return loadModel('/model/', { assets: asked }).then(
        ({ labels }: { labels: string[] }) => labels.length,
        ({ code, message }: { code: string; message: string }) => `${code}: ${message}`,
      );
    }, assets);
  expect(await load('/ort')).toBeGreaterThan(10);
  expect(await load('/nowhere')).toBe(
    `device: assets is wrong: ${site.address}nowhere/ort-wasm-simd-threaded.mjs is not there: the server answered 404`,
  );
  const imports = readFileSync('dist/browser/thaw.js', 'utf8').match(/from\s*"(?!\.)[^"]+"/g);
  expect(imports).toBeNull();
});

test('the worker imports nothing but ONNX Runtime', async () => {
  const { metafile } = await esbuild({
    entryPoints: ['dist/web/worker.js'],
    bundle: true,
    format: 'esm',
    packages: 'external',
    metafile: true,
    write: false,
  });
  const [{ imports }] = Object.values(metafile.outputs);
  expect(imports.map(({ path }) => path).sort()).toEqual(['onnxruntime-web/wasm', 'onnxruntime-web/webgpu']);
});
