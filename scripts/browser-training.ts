/**
 * Runs one training twice, in a page's worker in a real Chromium and in Node, and compares accuracy, time, memory and weights.
 *
 *     npx tsx scripts/browser-training.ts MODEL DATA [--settings JSON] [--device cpu|webgpu] [--threads N] [--png]
 *
 * MODEL is a folder with onnx/model.onnx and preprocessor_config.json, DATA has train and val with class folders. With --png, both sides
 * get the images as PNG in the size that the model's images are resized to, so that decoders make no difference.
 */
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import sharp from 'sharp';
import { checkImage, openDataset } from '../src/data/node/index.ts';
import { train } from '../src/node/commands/index.ts';
import { readModel } from '../src/onnx/index.ts';
import type { RemoteEvent } from '../src/worker/index.ts';
import { bundleScripts, launch, runtimeAssets, serveFolders } from '../test/web/browser.ts';

interface Epoch {
  readonly stage: number;
  readonly seconds: number;
  readonly train: number;
  readonly val: number;
  readonly accuracy: number;
}

interface Outcome {
  readonly device: string;
  readonly seconds: number;
  readonly epochs: readonly Epoch[];
  readonly accuracy: number;
  readonly model: Uint8Array;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    settings: { type: 'string', default: '{}' },
    device: { type: 'string', default: 'cpu' },
    threads: { type: 'string' },
    png: { type: 'boolean', default: false },
  },
});
const [modelFolder, given] = positionals.map((path) => resolve(path));
const settings = JSON.parse(values.settings);
const work = await mkdtemp(join(tmpdir(), 'thaw-browser-training-'));

/** Every readable image, as a PNG whose short side is 256 pixels; the long side keeps the proportions. */
async function asPng(from: string): Promise<string> {
  const { train, val } = await openDataset(from);
  for (const { file } of [...train, ...val]) {
    if ('reason' in (await checkImage(file, 'full'))) continue;
    const to = join(work, 'png', `${relative(from, file)}.png`);
    await mkdir(dirname(to), { recursive: true });
    await sharp(file).rotate().toColourspace('srgb').resize(256, 256, { fit: 'outside' }).png().toFile(to);
  }
  return join(work, 'png');
}

const epochOf = (event: Extract<RemoteEvent, { type: 'epoch' }>): Epoch => ({
  stage: event.stage,
  seconds: event.seconds,
  train: event.train.loss,
  val: event.val.loss,
  accuracy: event.val.accuracy,
});

async function inNode(data: string): Promise<Outcome> {
  const epochs: Epoch[] = [];
  const out = join(work, 'run');
  const began = performance.now();
  const { after } = await train(
    { model: modelFolder, data, out, settings: { ...settings, device: 'cpu' } },
    { onEvent: (event) => event.type === 'epoch' && epochs.push(epochOf(event)) },
  );
  const seconds = (performance.now() - began) / 1000;
  const model = await readFile(join(out, 'model/onnx/model.onnx'));
  return { device: 'cpu', seconds, epochs, accuracy: after!.accuracy, model };
}

async function inPage(page: Page, data: string): Promise<Outcome> {
  const { classes, train, val } = await openDataset(data);
  const address = (file: string) => `/data/${relative(data, file).split('/').map(encodeURIComponent).join('/')}`;
  const request = {
    samples: [
      ...train.map(({ file, label }) => ({ address: address(file), label: classes[label], split: 'train' })),
      ...val.map(({ file, label }) => ({ address: address(file), label: classes[label], split: 'val' })),
    ],
    settings: { ...settings, device: values.device },
    threads: values.threads && Number(values.threads),
  };
  const { model, ...outcome } = await page.evaluate(async ({ samples, settings, threads }) => {
    // biome-ignore lint/suspicious/noExplicitAny: the page's own script put it there
    const { thaw } = globalThis as any;
    const labelled = await Promise.all(
      samples.map(async ({ address, ...rest }) => ({ ...rest, image: await (await fetch(address)).blob() })),
    );
    const client = thaw.startWorker({ assets: new URL('/ort', location.href).href, threads });
    const epochs: Extract<RemoteEvent, { type: 'epoch' }>[] = [];
    client.listen((event: RemoteEvent) => event.type === 'epoch' && epochs.push(event));
    const began = performance.now();
    const training = await client.open({ model: '/model/', samples: labelled, settings });
    const { device } = training.opened;
    await training.train();
    const { files, evaluation } = await training.finish();
    const seconds = (performance.now() - began) / 1000;
    const reader = new FileReader();
    const encoded = await new Promise<string>((done) => {
      reader.onload = () => done(String(reader.result));
      reader.readAsDataURL(new Blob([new Map<string, Uint8Array<ArrayBuffer>>(files).get('onnx/model.onnx')!]));
    });
    const numbers = epochs.map(({ stage, seconds, train, val }) => ({
      stage,
      seconds,
      train: train.loss,
      val: val.loss,
      accuracy: val.accuracy,
    }));
    return { device, seconds, epochs: numbers, accuracy: evaluation.accuracy, model: encoded };
  }, request);
  return { ...outcome, model: Buffer.from(model.slice(model.indexOf(',') + 1), 'base64') };
}

/** The peak memory of the page's process, in MiB. */
async function memoryOf(browser: Browser): Promise<number> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  const peaks = processInfo
    .filter(({ type }) => type === 'renderer' || type === 'GPU')
    .map(async ({ id }) => Number(/^VmHWM:\s+(\d+)/m.exec(await readFile(`/proc/${id}/status`, 'utf8'))![1]));
  return Math.round((await Promise.all(peaks)).reduce((a, b) => a + b, 0) / 1024);
}

/** The largest and the mean difference of any weight. */
function difference(a: Uint8Array, b: Uint8Array): { readonly most: number; readonly mean: number } {
  const [x, y] = [a, b].map((bytes) => readModel(bytes).graph.initializers);
  let [most, sum, count] = [0, 0, 0];
  for (const [name, { data }] of x) {
    const other = y.get(name)!.data as Float32Array;
    for (const [i, value] of (data as Float32Array).entries()) {
      const apart = Math.abs(Number(value) - Number(other[i]));
      most = Math.max(most, apart);
      sum += apart;
      count++;
    }
  }
  return { most, mean: sum / count };
}

const data = values.png ? await asPng(given) : given;
const scripts = await bundleScripts();
const site = await serveFolders(
  { scripts: scripts.folder, ort: runtimeAssets(), model: modelFolder, data },
  values.threads !== '1',
);
const browser = await launch();
try {
  const page = await browser.newPage();
  // tsx calls this in every named function, including those that run in the page.
  await page.addInitScript('globalThis.__name = (named) => named');
  await page.goto(site.address);
  await page.waitForFunction(() => 'thaw' in globalThis);
  const empty = await memoryOf(browser);
  const own = await inPage(page, data);
  const memory = await memoryOf(browser);
  await browser.close();
  const node = await inNode(data);
  for (const [name, { device, seconds, epochs, accuracy }] of Object.entries({ page: own, node })) {
    console.log(`${name}: ${device}, ${seconds.toFixed(1)} s, accuracy ${accuracy.toFixed(4)}`);
    for (const { stage, seconds, train, val, accuracy } of epochs)
      console.log(`  stage ${stage}: ${seconds.toFixed(2)} s, loss ${train} / ${val}, accuracy ${accuracy.toFixed(4)}`);
  }
  console.log(`memory of the page: ${memory} MiB, ${empty} MiB before`);
  console.log(`peak memory of Node: ${Math.round(process.resourceUsage().maxRSS / 1024)} MiB`);
  const apart = (of: (epoch: Epoch) => number) =>
    own.epochs.map((epoch, i) => Math.abs(of(epoch) - of(node.epochs[i])).toExponential(1)).join(' ');
  console.log(`training losses apart: ${apart(({ train }) => train)}`);
  console.log(`validation losses apart: ${apart(({ val }) => val)}`);
  const { most, mean } = difference(own.model, node.model);
  console.log(`weights apart: most ${most.toExponential(1)}, mean ${mean.toExponential(1)}`);
} finally {
  await browser.close();
  await site.close();
  scripts.remove();
  await rm(work, { recursive: true });
}
