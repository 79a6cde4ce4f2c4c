/**
 * Compares a page's decoded images with Node's, and measures the memory that thousands of them leave behind, in a real Chromium:
 *
 *     npx tsx scripts/browser-images.ts FOLDER [rounds]
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { build } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { drawAugmentation, type Pixels, presetPreprocessing, readAugmentation } from '../src/data/index.ts';
import { augmentImage, checkImage, decodeImage, decodeLarge } from '../src/data/node/index.ts';
import { Random } from '../src/random.ts';
import { launch, serveFolders } from '../test/web/browser.ts';

const kinds = ['resized', 'augmented'] as const;
type Kind = (typeof kinds)[number];

/** Runs in a worker: decodes the file at an address, and returns its 224x224 values and the time. */
const worker = `
  import { drawAugmentation, presetPreprocessing, readAugmentation } from './src/data/index.ts';
  import { augmentImage, decodeLarge, decodeImage } from './src/data/web/index.ts';
  import { Random } from './src/random.ts';

  const p = presetPreprocessing('raw');
  async function drawn({ address, kind, index }) {
    const image = await (await fetch(address)).blob();
    const start = performance.now();
    if (kind === 'resized') {
      const { data } = await decodeImage(image, p);
      return { data, milliseconds: performance.now() - start };
    }
    const large = await decodeLarge(image, p);
    const decoded = performance.now();
    const data = new Float32Array(3 * 224 * 224);
    const draw = drawAugmentation(readAugmentation('heavy'), new Random(0, 'augment', 0, index));
    augmentImage(large, p, draw, data, 0);
    return { data, milliseconds: performance.now() - decoded };
  }
  addEventListener('message', ({ data }) =>
    drawn(data).then(
      (done) => postMessage(data.kept ? done : { ...done, data: '' }),
      (error) => postMessage({ error: String(error) }),
    ));
`;

/** Runs in the page: asks the worker, and returns the values as text, the only form that leaves a page. */
const page = `
  const made = new Worker('/scripts/stdin.js', { type: 'module' });
  globalThis.draw = (task) => new Promise((done, fail) => {
    made.onmessage = ({ data: { data, milliseconds, error } }) => {
      if (error) return fail(new Error(error));
      const reader = new FileReader();
      reader.onload = () => done({ milliseconds, bytes: reader.result.slice(reader.result.indexOf(',') + 1) });
      reader.readAsDataURL(new Blob([data]));
    };
    made.postMessage(task);
  });
`;

/** @returns a function that asks the page's worker for one image; it returns the values only on request */
async function openPage(opened: Page, address: string) {
  await opened.goto(address);
  await opened.addScriptTag({ content: page });
  return async (kind: Kind, file: string, index: number, kept = true) => {
    const task = { kind, index, kept, address: `/files/${file.split('/').map(encodeURIComponent).join('/')}` };
    const drawn = await opened.evaluate<{ bytes: string; milliseconds: number }>(`draw(${JSON.stringify(task)})`);
    const bytes = new Uint8Array(Buffer.from(drawn.bytes, 'base64'));
    return { data: new Float32Array(bytes.buffer), milliseconds: drawn.milliseconds };
  };
}

const p = presetPreprocessing('raw');

async function inNode(kind: Kind, file: string, index: number): Promise<Float32Array> {
  if (kind === 'resized') return (await decodeImage(file, p)).data;
  const image: Pixels = await decodeLarge(file, p);
  const values = new Float32Array(3 * 224 * 224);
  const draw = drawAugmentation(readAugmentation('heavy'), new Random(0, 'augment', 0, index));
  await augmentImage(image, p, draw, values, 0);
  return values;
}

const quantile = (values: readonly number[], q: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(q * values.length))];

/** Resident memory of all processes of the browser, in MiB. */
async function memoryOf(browser: Browser): Promise<number> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  const ids = processInfo.map(({ id }) => id).join(',');
  const sizes = execFileSync('ps', ['-o', 'rss=', '-p', ids], { encoding: 'utf8' }).trim().split('\n').map(Number);
  return Math.round(sizes.reduce((a, b) => a + b, 0) / 1024);
}

const root = resolve(process.argv[2]);
const rounds = Number(process.argv[3] ?? 0);
const found = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) =>
  /\.(jpe?g|png|webp)$/i.test(file),
);
const checked = await Promise.all(found.map((file) => checkImage(join(root, file), 'full')));
const files = found.filter((_, i) => !('reason' in checked[i])).sort();
const scripts = mkdtempSync(join(tmpdir(), 'thaw-images-'));
await build({
  stdin: { contents: worker, resolveDir: '.', loader: 'ts' },
  ...{ outdir: scripts, bundle: true, format: 'esm', platform: 'browser', target: 'es2022', logLevel: 'error' },
});
const site = await serveFolders({ scripts, files: root }, false);
const browser = await launch();
try {
  console.log(`${files.length} images of ${relative('.', root)}, Chromium ${browser.version()}`);
  const draw = await openPage(await browser.newPage(), site.address);
  for (const kind of kinds) {
    const means: number[] = [];
    const greatest: number[] = [];
    const times: number[] = [];
    for (const [i, file] of files.entries()) {
      const { data, milliseconds } = await draw(kind, file, i);
      const expected = await inNode(kind, join(root, file), i);
      const differences = data.map((value, k) => Math.abs(value - expected[k]));
      means.push(differences.reduce((a, b) => a + b) / differences.length);
      greatest.push(differences.reduce((a, b) => Math.max(a, b)));
      times.push(milliseconds);
    }
    const row = (values: readonly number[]) => [0.5, 0.95, 1].map((q) => quantile(values, q).toFixed(2)).join(' / ');
    console.log(`${kind}: mean ${row(means)}, greatest ${row(greatest)}, ms ${row(times)} (median / 95 % / most)`);
    console.log(`  farthest: ${files[means.indexOf(Math.max(...means))]}`);
  }
  for (let round = 0; round < rounds; round++) {
    for (const [i, file] of files.entries()) await draw('augmented', file, i, false);
    console.log(`${(round + 1) * files.length} more images: ${await memoryOf(browser)} MiB`);
  }
} finally {
  await browser.close();
  await site.close();
  rmSync(scripts, { recursive: true });
}
