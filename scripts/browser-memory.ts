/**
 * Measures the memory of a page's process while its worker trains for hundreds of stages, or with thousands of images, in a real Chromium
 * on Linux:
 *
 *     npx tsx scripts/browser-memory.ts DATA [--model FOLDER] [--stages N] [--images N] [--cache-memory MB]
 *
 * DATA has class folders of JPEGs. If there are fewer than N images, they are repeated with different bytes after their end, so that no two
 * are the same.
 */
import { readFile } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Browser } from 'playwright-core';
import { openDataset } from '../src/data/node/index.ts';
import type { RemoteEvent } from '../src/worker/index.ts';
import { bundleScripts, launch, runtimeAssets, serveFolders } from '../test/web/browser.ts';

/** Number of memory readings in a training. */
const READINGS = 8;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    model: { type: 'string', default: 'artifacts/default' },
    stages: { type: 'string', default: '3' },
    images: { type: 'string' },
    'cache-memory': { type: 'string' },
  },
});
const data = resolve(positionals[0]);

async function residentMemory(browser: Browser): Promise<number> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  const sizes = processInfo
    .filter(({ type }) => type === 'renderer')
    .map(async ({ id }) => Number(/^VmRSS:\s+(\d+)/m.exec(await readFile(`/proc/${id}/status`, 'utf8'))![1]) / 1024);
  return Math.max(...(await Promise.all(sizes)));
}

const { classes, train, val } = await openDataset(data);
const files = [...train, ...val].map(({ file, label }) => ({
  address: `/data/${relative(data, file).split('/').map(encodeURIComponent).join('/')}`,
  label: classes[label],
}));
const scripts = await bundleScripts();
const folders = { scripts: scripts.folder, ort: runtimeAssets(), model: values.model, data };
const site = await serveFolders(folders, true);
const browser = await launch();
try {
  const page = await browser.newPage();
  // tsx calls this in every named function, including those that run in the page.
  await page.addInitScript('globalThis.__name = (named) => named');
  await page.exposeFunction('measure', async (when: string) => {
    console.log(`${when}: ${(await residentMemory(browser)).toFixed(0)} MiB`);
  });
  await page.goto(site.address);
  await page.waitForFunction(() => 'thaw' in globalThis);
  await page.evaluate(
    async ({ files, count, stages, cacheMemory, readings }) => {
      // biome-ignore lint/suspicious/noExplicitAny: the page's own script, and the function from outside
      const { thaw, measure } = globalThis as any;
      const read = async (from: string) => (await fetch(from)).blob();
      const blobs = await Promise.all(files.map(async ({ address, label }) => ({ label, blob: await read(address) })));
      const samples = Array.from({ length: count }, (_, i) => {
        const { label, blob } = blobs[i % blobs.length];
        return { label, image: i < blobs.length ? blob : new Blob([blob, String(i)], { type: blob.type }) };
      });
      await measure(`${count} images`);
      const client = thaw.startWorker({ assets: new URL('/ort', location.href).href });
      let steps = 0;
      let every = Number.POSITIVE_INFINITY;
      const measuring: Promise<void>[] = [];
      client.listen((event: RemoteEvent) => {
        if (event.type === 'step' && ++steps % every === 0) measuring.push(measure(`after step ${steps}`));
      });
      const training = await client.open({
        model: '/model/',
        samples,
        settings: {
          device: 'cpu',
          stages: Array.from({ length: stages }, (_, i) => ({ train: i % 2 ? 'last:3' : 'head', epochs: 1 })),
          cacheMemory,
        },
      });
      every = Math.ceil((training.opened.stepsPerEpoch * stages) / readings);
      await training.train();
      await Promise.all(measuring);
    },
    {
      files,
      count: Number(values.images ?? files.length),
      stages: Number(values.stages),
      cacheMemory: values['cache-memory'] === undefined ? undefined : Number(values['cache-memory']),
      readings: READINGS,
    },
  );
} finally {
  await browser.close();
  await site.close();
  scripts.remove();
}
