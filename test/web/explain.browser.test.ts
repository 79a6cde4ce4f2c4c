// Explanations in a page: the maps of Node, drawn on a canvas, of finished models and during a training.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { train } from '../../src/node/commands/index.ts';
import { loadModel } from '../../src/node/library/index.ts';
import { makeProject, type Project } from '../node/commands/project.ts';
import { bundleScripts, launch, runtimeAssets, type Site, serveFolders } from './browser.ts';

let project: Project;
let scripts: Awaited<ReturnType<typeof bundleScripts>>;
let browser: Browser;
let site: Site;
let page: Page;
beforeAll(async () => {
  project = await makeProject();
  await train({
    model: project.model,
    data: project.data,
    out: join(project.folder, 'run'),
    settings: { device: 'cpu', epochs: 2, batch: 6, lr: 0.02 },
  });
  scripts = await bundleScripts();
  browser = await launch();
  const fixtures = 'test/fixtures/explain';
  site = await serveFolders({ scripts: scripts.folder, ort: runtimeAssets(), project: project.folder, fixtures }, true);
  page = await (await browser.newContext()).newPage();
  await page.goto(site.address);
  await page.waitForFunction(() => 'thaw' in globalThis);
});
afterAll(async () => {
  await browser?.close();
  await site?.close();
  scripts?.remove();
  project?.remove();
});

const IMAGE = 'images/val/red/0.png';

test.each(['grad-cam', 'grad-cam++', 'integrated-gradients'] as const)(
  'a page draws the map that Node gives: %s',
  async (method) => {
    const native = await loadModel(join(project.folder, 'run'), { settings: { device: 'cpu' } });
    const expected = await native.explain(readFileSync(join(project.folder, IMAGE)), {
      method,
      label: 'red',
      steps: 6,
    });
    await native.dispose();
    const found = await page.evaluate(
      async ({ method, image }) => {
        // biome-ignore lint/suspicious/noExplicitAny: the page's own script put it there
        const { thaw } = globalThis as any;
        const options = { assets: new URL('/ort', location.href).href, settings: { device: 'cpu' } };
        const model = await thaw.loadModel('project/run/model/', options);
        const blob = await (await fetch(`/project/${image}`)).blob();
        const explanation = await model.explain(blob, { method, label: 'red', steps: 6 });
        await model.dispose();
        const canvas = new OffscreenCanvas(40, 40);
        const context = canvas.getContext('2d')!;
        const { data, width, height } = thaw.overlayPixels(explanation, { width: 40, height: 40 });
        context.putImageData(new ImageData(data, width, height), 0, 0);
        const drawn = [...context.getImageData(0, 0, 40, 40).data];
        const { map, ...rest } = explanation;
        return { ...rest, map: { ...map, values: [...map.values] as number[] }, drawn };
      },
      { method, image: IMAGE },
    );
    expect(found).toMatchObject({ label: 'red', method, area: expected.area });
    expect(found.map).toMatchObject({ width: expected.map.width, height: expected.map.height });
    for (const [i, value] of found.map.values.entries())
      expect(Math.abs(value - expected.map.values[i])).toBeLessThan(1e-4 * Math.max(1, expected.map.peak));
    // Where the map is strongest, the overlay is nearly opaque.
    expect(found.drawn.filter((_: number, i: number) => i % 4 === 3).some((alpha: number) => alpha > 150)).toBe(true);
  },
);

test('a page explains a transformer by its attention', async () => {
  const reference = JSON.parse(readFileSync('test/fixtures/explain/vit.json', 'utf8'));
  const found = await page.evaluate(async () => {
    // biome-ignore lint/suspicious/noExplicitAny: the page's own script put it there
    const { thaw } = globalThis as any;
    const settings = { device: 'cpu', preprocessing: 'unit', labels: ['a', 'b', 'c', 'd', 'e'] };
    const options = { assets: new URL('/ort', location.href).href, settings };
    const model = await thaw.loadModel('fixtures/vit.onnx', options);
    const canvas = new OffscreenCanvas(64, 48);
    const context = canvas.getContext('2d')!;
    context.fillStyle = '#c33';
    context.fillRect(8, 8, 24, 24);
    const image = await canvas.convertToBlob({ type: 'image/png' });
    const explanation = await model.explain(image);
    const rolled = await model.explain(image, { method: 'rollout' });
    await model.dispose();
    return { method: explanation.method, size: [explanation.map.width, explanation.map.height], rolled: rolled.method };
  });
  const [, height, width] = reference.maps.attention.shape;
  expect(found).toEqual({ method: 'attention', size: [width, height], rolled: 'rollout' });
});

test('a training in a page explains its current weights', async () => {
  const found = await page.evaluate(async () => {
    // biome-ignore lint/suspicious/noExplicitAny: the page's own script put it there
    const { thaw } = globalThis as any;
    const worker = thaw.startWorker({ assets: new URL('/ort', location.href).href });
    const read = async (path: string) => (await fetch(`/project/images/${path}`)).blob();
    const samples: { image: Blob; label: string; split: string }[] = [];
    for (const label of ['red', 'green', 'blue'])
      for (const [split, count] of [
        ['train', 4],
        ['val', 2],
      ] as const)
        for (let i = 0; i < count; i++) samples.push({ image: await read(`${split}/${label}/${i}.png`), label, split });
    const training = await worker.open({
      model: '/project/model/model.onnx',
      samples,
      // Too few steps to learn, so that there are mistakes.
      settings: { device: 'cpu', epochs: 1, batch: 6, lr: 1e-6, preset: 'head-only' },
    });
    const before = await training.explain([samples[0].image], { label: 'red' });
    let during: number | undefined;
    // biome-ignore lint/suspicious/noExplicitAny: events of all kinds
    worker.listen(async (event: any) => {
      if (event.type === 'epoch') during = (await training.explain([samples[0].image])).length;
    });
    await training.train();
    const [after] = await training.explain([samples[0].image], { label: 'red' });
    const refused = await training.explain([samples[0].image], { label: 'rod' }).catch((error: Error) => error.message);
    const { mistakes } = await training.finish();
    const pixel = document.createElement('canvas').toDataURL('image/png');
    const thumbnails = new Map(samples.map((_, i) => [i, pixel]));
    const report = await training.report({ thumbnails });
    const bare = await training.report();
    worker.terminate();
    const maps = (html: string) =>
      html.match(/<div class="maps">(<div><img src="data:image\/jpeg;base64,[^>]+>.*?<\/div>){2}/g);
    return {
      ...{ changed: after.score !== before[0].score, during, refused, label: after.label },
      ...{ mistakes: mistakes.length, maps: maps(report)?.length, bare: maps(bare) },
    };
  });
  const refused = 'the model has no label "rod"';
  expect(found).toMatchObject({ changed: true, during: 1, refused, label: 'red', bare: null });
  expect(found.mistakes).toBeGreaterThan(0);
  expect(found.maps).toBe(found.mistakes);
});
