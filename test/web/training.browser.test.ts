import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { train } from '../../src/node/commands/index.ts';
import type { RemoteEvent } from '../../src/worker/index.ts';
import { makeProject, type Project } from '../node/commands/project.ts';
import { samplesOf } from '../worker/request.ts';
import { bundleScripts, launch, runtimeAssets, type Site, serveFolders } from './browser.ts';
import { difference } from './weights.ts';

let project: Project;
let scripts: Awaited<ReturnType<typeof bundleScripts>>;
let browser: Browser;
let isolated: Site;
let plain: Site;
/** The request of the page: the model and each image by its address. */
let request: {
  readonly model: string;
  readonly preprocessor: string;
  readonly samples: readonly { readonly address: string; readonly label: string; readonly split?: string }[];
};

const settings = {
  batch: 6,
  lr: 0.2,
  // Adam would make whole steps of rounding errors where a gradient is next to zero.
  optimizer: { name: 'sgd', momentum: 0.9 },
  pretrainedRate: 1,
  augment: 'none',
  stages: [
    { train: 'head', epochs: 2 },
    { train: 'last:2', epochs: 2 },
  ],
};

beforeAll(async () => {
  project = await makeProject();
  scripts = await bundleScripts();
  browser = await launch();
  const folders = { scripts: scripts.folder, ort: runtimeAssets(), project: project.folder };
  isolated = await serveFolders(folders, true);
  plain = await serveFolders(folders, false);
  const samples = await samplesOf(project);
  request = {
    model: `project/${basename(project.model)}/model.onnx`,
    preprocessor: `project/${basename(project.model)}/preprocessor_config.json`,
    samples: samples.map(({ image, ...rest }) => ({
      address: `project/${image!.slice(project.folder.length + 1)}`,
      ...rest,
    })),
  };
});
afterAll(async () => {
  await browser?.close();
  await isolated?.close();
  await plain?.close();
  scripts?.remove();
  project?.remove();
});

/** A page that has the scripts at `thaw`, and the fetched request at `request`. */
async function openPage(site: Site): Promise<Page> {
  const page = await (await browser.newContext()).newPage();
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(error.message));
  await page.goto(site.address);
  await page.waitForFunction(() => 'thaw' in globalThis);
  await page.evaluate(async ({ model, preprocessor, samples }) => {
    const bytes = async (from: string) => new Uint8Array(await (await fetch(from)).arrayBuffer());
    const request = {
      model: await bytes(model),
      preprocessorConfig: await (await fetch(preprocessor)).json(),
      samples: await Promise.all(
        samples.map(async ({ address: from, ...rest }) => ({ ...rest, image: await (await fetch(from)).blob() })),
      ),
    };
    Object.assign(globalThis, { request });
  }, request);
  expect(problems).toEqual([]);
  return page;
}

interface Outcome {
  readonly device: string;
  readonly isolated: boolean;
  readonly events: readonly RemoteEvent[];
  readonly accuracy: number;
  readonly model: number[];
  readonly zip: number;
}

/** Trains in the page's worker to the end, and brings back the results. */
const trainIn = (page: Page, device: string): Promise<Outcome> =>
  page.evaluate(
    async ([settings, device]) => {
      // biome-ignore lint/suspicious/noExplicitAny: what `openPage` put there
      const { request, thaw } = globalThis as any;
      const client = thaw.startWorker({ assets: new URL('/ort', location.href).href });
      const events: RemoteEvent[] = [];
      client.listen((event: RemoteEvent) => events.push(event));
      const training = await client.open({ ...request, settings: { ...(settings as object), device } });
      const { opened } = training;
      await training.train();
      const { files, evaluation } = await training.finish();
      const zip = await thaw.folderAsZip(files);
      client.terminate();
      const model = files.find(([path]: [string]) => path === 'onnx/model.onnx')[1];
      return {
        device: opened.device,
        isolated: globalThis.crossOriginIsolated,
        events,
        accuracy: evaluation.accuracy,
        model: [...model],
        zip: zip.size,
      };
    },
    [settings, device] as const,
  );

describe('training in a browser gives the numbers of Node', () => {
  let native: { readonly model: Uint8Array; readonly accuracy: number };
  beforeAll(async () => {
    const run = join(project.folder, 'native');
    const request = {
      model: project.model,
      data: project.data,
      out: run,
      settings: { ...settings, device: 'cpu' as const },
    };
    const { after } = await train(request);
    native = { model: readFileSync(join(run, 'model', 'onnx', 'model.onnx')), accuracy: after!.accuracy };
    expect(native.accuracy).toBeGreaterThan(0.8);
  });

  test.each([
    ['WebAssembly with threads', 'cpu', true, 'wasm'],
    ['WebAssembly without threads', 'cpu', false, 'wasm'],
    ['WebAssembly where WebGPU is no more than software', 'auto', true, 'wasm'],
    ['WebGPU', 'webgpu', true, 'webgpu'],
  ] as const)('%s', async (_, device, isolation, expected) => {
    const page = await openPage(isolation ? isolated : plain);
    const outcome = await trainIn(page, device);
    await page.context().close();
    expect(outcome).toMatchObject({ device: expected, isolated: isolation, accuracy: native.accuracy });
    expect(outcome.events.filter(({ type }) => type === 'epoch')).toHaveLength(4);
    const model = Uint8Array.from(outcome.model);
    expect(outcome.zip).toBeGreaterThan(model.length);
    // The same pixels, since PNGs of the model's size are neither resized nor augmented.
    expect(difference(model, native.model)).toBeLessThan(1e-4);
  });
});

test('models and images are taken as a page has them', async () => {
  const page = await openPage(isolated);
  const { model } = request;
  const outcome = await page.evaluate(
    async ([address, settings]) => {
      // biome-ignore lint/suspicious/noExplicitAny: what `openPage` put there
      const { request, thaw } = globalThis as any;
      const client = thaw.startWorker({ assets: new URL('/ort', location.href).href });
      const canvasOf = async (image: Blob) => {
        const bitmap = await createImageBitmap(image);
        const canvas = document.createElement('canvas');
        canvas.width = bitmap.width;
        canvas.height = bitmap.height;
        canvas.getContext('2d')!.drawImage(bitmap, 0, 0);
        return { bitmap, canvas };
      };
      const samples = await Promise.all(
        request.samples.map(async (labelled: { image: Blob }, i: number) => {
          const { bitmap, canvas } = await canvasOf(labelled.image);
          return { ...labelled, image: i % 2 ? bitmap : canvas };
        }),
      );
      const own = { ...settings, stages: undefined, trainable: 'head', epochs: 1, device: 'cpu' };
      const training = await client.open({ ...request, model: address, samples, settings: own });
      await training.train();
      const { image } = request.samples[0];
      const { bitmap, canvas } = await canvasOf(image);
      const pixels = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
      const frame = new VideoFrame(canvas, { timestamp: 0 });
      const element = new Image();
      element.src = URL.createObjectURL(image);
      await element.decode();
      const bytes = new Uint8Array(await image.arrayBuffer());
      const answers = await training.predict([image, canvas, bitmap, pixels, frame, element, bytes]);
      frame.close();
      const file = new File([request.model], 'model.onnx');
      const other = await client.open({ ...request, model: file, settings: own });
      const messageOf = ({ message }: Error) => message;
      const wrong = [
        await client.open({ ...request, model: 'nowhere.onnx' }).catch(messageOf),
        await client.open({ ...request, model: 'nowhere/' }).catch(messageOf),
        await other.predict([document.createElement('video')]).catch(messageOf),
        await other.predict([7]).catch(messageOf),
        await other.predict(['cat.png']).catch(messageOf),
      ];
      client.terminate();
      return {
        answers: answers.map(({ probabilities }: { probabilities: object }) => probabilities),
        train: other.opened.train,
        wrong,
      };
    },
    [model, settings] as const,
  );
  await page.context().close();
  const [expected, ...others] = outcome.answers;
  expect(Object.keys(expected)).toEqual(['blue', 'green', 'red']);
  expect(others).toHaveLength(6);
  for (const answer of others) expect(answer).toEqual(expected);
  expect(outcome.train).toBe(24);
  expect(outcome.wrong).toEqual([
    `${isolated.address}nowhere.onnx is not there (404)`,
    `${isolated.address}nowhere/ has no onnx/model.onnx (404)`,
    'an image has no size yet',
    '7 is not an image',
    '"cat.png" is a string, and a page reads no images by path',
  ]);
});

test('a page that was closed in the middle of a training continues in another', async () => {
  const page = await openPage(isolated);
  const epochs = await page.evaluate(async (settings) => {
    // biome-ignore lint/suspicious/noExplicitAny: what `openPage` put there
    const { request, thaw } = globalThis as any;
    const client = thaw.startWorker({ assets: new URL('/ort', location.href).href });
    const training = await client.open({ ...request, settings: { ...settings, device: 'cpu' }, project: 'colours' });
    const kept = new Promise<number>((resolve) => {
      let epochs = 0;
      client.listen(({ type }: RemoteEvent) => {
        // The second epoch begins when the first one's checkpoint is kept.
        if (type === 'epoch') epochs++;
        if (type === 'step' && epochs > 0) resolve(epochs);
      });
    });
    void training.train().catch(() => undefined);
    return kept;
  }, settings);
  expect(epochs).toBe(1);
  const { address } = isolated;
  const context = page.context();
  await page.close();
  const again = await context.newPage();
  await again.goto(address);
  await again.waitForFunction(() => 'thaw' in globalThis);
  const outcome = await again.evaluate(async () => {
    // biome-ignore lint/suspicious/noExplicitAny: the page's own script put it there
    const client = (globalThis as any).thaw.startWorker({ assets: new URL('/ort', location.href).href });
    const projects = await client.projects();
    const training = await client.reopen('colours');
    const why = await training.train();
    const { evaluation } = await training.finish();
    await client.forget('colours');
    return {
      projects,
      done: training.opened.epochsDone,
      why,
      accuracy: evaluation.accuracy,
      left: await client.projects(),
    };
  });
  await context.close();
  expect(outcome).toMatchObject({ projects: ['colours'], why: 'finished', left: [] });
  expect(outcome.done).toBeGreaterThanOrEqual(1);
  expect(outcome.accuracy).toBeGreaterThan(0.8);
});

test('a worker that fails while no call waits rejects the calls, then and later', async () => {
  const page = await openPage(plain);
  const messages = await page.evaluate(async () => {
    const script = `onmessage = () => setTimeout(() => { throw new Error('no memory is left'); });`;
    const worker = new Worker(URL.createObjectURL(new Blob([script])));
    // biome-ignore lint/suspicious/noExplicitAny: the page's own script put it there
    const client = (globalThis as any).thaw.startWorker({ worker });
    const ended = new Promise<Error>((resolve) => client.whenEnded(resolve));
    const messageOf = ({ message }: Error) => message;
    const waits = await client.projects().catch(messageOf);
    return [waits, messageOf(await ended), await client.projects().catch(messageOf)];
  });
  await page.context().close();
  const why = 'the worker that trains has ended: Uncaught Error: no memory is left';
  expect(messages).toEqual([why, why, why]);
});

test('a worker that cannot be loaded rejects the calls', async () => {
  const page = await openPage(plain);
  const error = await page.evaluate(async () => {
    // biome-ignore lint/suspicious/noExplicitAny: the page's own script put it there
    const client = (globalThis as any).thaw.startWorker({
      worker: new Worker('/scripts/nowhere.js', { type: 'module' }),
    });
    return client.projects().catch(({ code, message }: { code: string; message: string }) => ({ code, message }));
  });
  await page.context().close();
  expect(error).toEqual({
    code: 'ended',
    message: 'the worker that trains has ended: it could not be loaded, or lacks memory',
  });
});

test('two tabs do not open one project, and a tab that is closed gives it back', async () => {
  const page = await openPage(isolated);
  const open = (which: Page) =>
    which.evaluate(
      async ([settings, about]) => {
        // biome-ignore lint/suspicious/noExplicitAny: what `openPage` put there
        const { request, thaw } = globalThis as any;
        const client = thaw.startWorker({ assets: new URL('/ort', location.href).href });
        const own = { ...request, settings: { ...(settings as object), device: 'cpu' }, project: 'shared' };
        if (!about) return client.open(own).then(() => 'open');
        return client.reopen('shared').then(
          () => 'open',
          ({ code, message }: { code: string; message: string }) => `${code}: ${message}`,
        );
      },
      [settings, which !== page] as const,
    );
  expect(await open(page)).toBe('open');
  const context = page.context();
  const other = await context.newPage();
  await other.goto(isolated.address);
  await other.waitForFunction(() => 'thaw' in globalThis);
  expect(await open(other)).toBe('storage: the project "shared" is open in another tab');
  await page.close();
  expect(await open(other)).toBe('open');
  await context.close();
});

test('the JSON files next to a model at an address come along', async () => {
  const page = await openPage(isolated);
  const outcome = await page.evaluate(
    async ([address, settings]) => {
      // biome-ignore lint/suspicious/noExplicitAny: what `openPage` put there
      const { request, thaw } = globalThis as any;
      const client = thaw.startWorker({ assets: new URL('/ort', location.href).href });
      const own = { ...(settings as object), device: 'cpu' };
      const { preprocessorConfig: _, ...bare } = request;
      const found = await client.open({ ...bare, model: address, settings: own });
      const folder = await client.open({
        ...bare,
        model: new URL('./', new URL(address, location.href)),
        settings: own,
      });
      const explicit = await client.open({ ...request, settings: own });
      const assumed = await client.open({ ...bare, settings: own });
      client.terminate();
      return [found, folder, explicit, assumed].map(({ opened: { format, notices } }) => ({ format, notices }));
    },
    [request.model, settings] as const,
  );
  await page.context().close();
  const [found, folder, explicit, assumed] = outcome;
  expect(found).toEqual(explicit);
  expect(folder).toEqual(explicit);
  expect(found.notices).toEqual([]);
  expect(assumed.notices).toEqual([expect.stringContaining('preprocessing is assumed')]);
});
