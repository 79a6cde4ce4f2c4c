// Every task, and texts, in a page: the numbers of Node. Finished models that stay loaded in a page.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { train } from '../../src/node/commands/index.ts';
import { loadModel } from '../../src/node/library/index.ts';
import type { TaskName } from '../../src/tasks/index.ts';
import { makeProject, type Project } from '../node/commands/project.ts';
import { LESSONS, type Lesson } from '../worker/lessons.ts';
import { bundleScripts, launch, runtimeAssets, type Site, serveFolders } from './browser.ts';
import { difference } from './weights.ts';

let project: Project;
let scripts: Awaited<ReturnType<typeof bundleScripts>>;
let browser: Browser;
let site: Site;
beforeAll(async () => {
  project = await makeProject();
  scripts = await bundleScripts();
  browser = await launch();
  const texts = 'test/fixtures/texts';
  site = await serveFolders({ scripts: scripts.folder, ort: runtimeAssets(), project: project.folder, texts }, true);
});
afterAll(async () => {
  await browser?.close();
  await site?.close();
  scripts?.remove();
  project?.remove();
});

async function openPage(): Promise<Page> {
  const page = await (await browser.newContext()).newPage();
  await page.goto(site.address);
  await page.waitForFunction(() => 'thaw' in globalThis);
  return page;
}

/** The files of the lesson by their addresses; the page fetches the JSON files next to the model. */
function inPage({ task, folder, samples, settings }: Lesson) {
  const model = folder === project.model ? 'project/model/model.onnx' : 'texts/bert/';
  return {
    ...{ task, model, settings },
    samples: samples.map(({ image, ...rest }) => ({ ...rest, image: image?.slice(project.folder.length + 1) })),
  };
}

/** Opens, trains and finishes in the page, and predicts of the validation samples. */
const trainInPage = (page: Page, request: ReturnType<typeof inPage>) =>
  page.evaluate(async ({ samples, ...rest }) => {
    // biome-ignore lint/suspicious/noExplicitAny: the page's own script put it there
    const { thaw } = globalThis as any;
    const worker = thaw.startWorker({ assets: new URL('/ort', location.href).href });
    const read = async (path?: string) => path && (await (await fetch(`/project/${path}`)).blob());
    const labelled = await Promise.all(samples.map(async (sample) => ({ ...sample, image: await read(sample.image) })));
    // biome-ignore lint/suspicious/noExplicitAny: events of all kinds
    const epochs: any[] = [];
    // biome-ignore lint/suspicious/noExplicitAny: events of all kinds
    worker.listen((event: any) => event.type === 'epoch' && epochs.push(event));
    const training = await worker.open({ ...rest, samples: labelled });
    await training.train();
    const inputs = labelled.filter(({ split }) => split === 'val').map(({ image, text }) => image || text);
    const { files, evaluation, test, status, task } = await training.finish();
    const trained = await training.predict(inputs);
    const loaded = await worker.loadModel({ model: files, task: rest.task, settings: { device: 'cpu' } });
    const finished = await loaded(inputs);
    const settings = { device: 'cpu', unknown: rest.task === 'classification' };
    const recognised = await (await worker.loadModel({ model: files, task: rest.task, settings }))(inputs);
    worker.terminate();
    const text = (name: string) => new TextDecoder().decode(new Map(files).get(name) as Uint8Array);
    return {
      ...{ status, task, evaluation, test, epochs, trained, finished, recognised },
      classes: training.opened.classes as string[],
      card: text('README.md'),
      config: JSON.parse(text('config.json')),
      names: files.map(([name]: [string]) => name).sort() as string[],
      model: [...(new Map(files).get('onnx/model.onnx') as Uint8Array)],
    };
  }, request);

/** Numbers at the same places of two values, however deep. */
function numbersIn(value: unknown): number[] {
  if (typeof value === 'number') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(numbersIn) : [];
}

function expectClose(a: unknown, b: unknown, tolerance = 1e-4): void {
  const [x, y] = [numbersIn(a), numbersIn(b)];
  expect(x.length).toBe(y.length);
  for (const [i, value] of x.entries())
    if (!(Number.isNaN(value) && Number.isNaN(y[i])))
      expect(Math.abs(value - y[i]) / Math.max(1, Math.abs(y[i])), `number ${i}`).toBeLessThan(tolerance);
}

/** All else of a value. */
const withoutNumbers = (value: unknown) => JSON.stringify(value, (_, part) => (typeof part === 'number' ? 0 : part));

test.each(Object.entries(LESSONS))('a page learns %s as Node does', async (name, lessonOf) => {
  const lesson = lessonOf(project) as Lesson;
  const { task, folder, data, settings } = lesson;
  const out = join(project.folder, name);
  const rows: { train: object; val: object }[] = [];
  const result = await train<TaskName>(
    { model: folder, data, out, task, settings },
    { onEvent: (event) => event.type === 'epoch' && rows.push(event) },
  );
  const page = await openPage();
  const own = await trainInPage(page, inPage(lesson));
  await page.context().close();

  expect(own).toMatchObject({ status: 'finished', task, names: expect.arrayContaining(['config.json', 'README.md']) });
  expect(own.epochs).toHaveLength(4);
  for (const [i, { train: seen, val }] of rows.entries())
    expectClose(own.epochs[i], { ...own.epochs[i], train: seen, val });
  expectClose(own.evaluation, result.after);
  expectClose(own.test, result.test);
  const model = readFileSync(join(out, 'model', 'onnx', 'model.onnx'));
  expect(difference(Uint8Array.from(own.model), model)).toBeLessThan(1e-4);
  const config = JSON.parse(readFileSync(join(out, 'model', 'config.json'), 'utf8'));
  expect(Object.keys(own.config)).toEqual(Object.keys(config));
  expect(own.config.id2label).toEqual(config.id2label);
  expect(own.card).toContain('## Usage');

  const native = await loadModel(out, { task });
  const inputs = lesson.samples.filter(({ split }) => split === 'val').map(({ image, text }) => (image ?? text)!);
  const expected = await native(inputs);
  await native.dispose();
  const recognising = await loadModel(out, { task, settings: { unknown: task === 'classification' } });
  const recognised = await recognising(inputs);
  await recognising.dispose();
  if (task === 'classification') expect(recognised[0]).toMatchObject({ unknownScore: expect.any(Number) });
  expectClose(own.recognised, recognised, 1e-3);
  expectClose(own.finished, expected);
  expectClose(own.trained, own.finished);
  expect(withoutNumbers(own.finished)).toEqual(withoutNumbers(expected));
});

test('a finished model stays loaded in a page, from its folder, its files or its bytes', async () => {
  const lesson = LESSONS.texts(project);
  const { folder, data, settings } = lesson;
  const stages = [{ train: 'head', epochs: 2 }];
  const out = join(project.folder, 'kept');
  await train({ model: folder, data, out, settings: { ...settings, stages } });
  await train({
    model: project.model,
    data: project.data,
    out: join(project.folder, 'colours'),
    settings: { ...settings, maxLength: undefined, pooling: undefined, stages },
  });
  const native = await loadModel(out);
  const texts = ['the film was wonderful', 'it was awful', 'a new song'];
  const expected = await native(texts);
  await native.dispose();
  const page = await openPage();
  const outcome = await page.evaluate(async (texts) => {
    // biome-ignore lint/suspicious/noExplicitAny: the page's own script put it there
    const { thaw } = globalThis as any;
    const options = { assets: new URL('/ort', location.href).href, settings: { device: 'cpu' } };
    const classify = await thaw.loadModel('project/kept/model/', options);
    const [one, many] = [await classify(texts[0], { topK: 1 }), await classify(texts)];
    const about = [classify.task, classify.labels];
    const messageOf = ({ code, message }: Error & { code: string }) => `${code}: ${message}`;
    const wrong = [
      await classify(new Blob(['x'])).catch(messageOf),
      await thaw.loadModel('project/kept/model/', { ...options, task: 'regression' }).catch(messageOf),
      await thaw.loadModel('project/kept/nothing/', options).catch(messageOf),
    ];
    await classify.dispose();
    wrong.push(await classify(texts[0]).catch((error: Error) => error.message));
    const name = 'project/colours/model/';
    const bytes = async (file: string) => new Uint8Array(await (await fetch(name + file)).arrayBuffer());
    const names = ['onnx/model.onnx', 'config.json', 'preprocessor_config.json'];
    const files = await Promise.all(names.map(async (file) => [file, await bytes(file)]));
    const notices: string[] = [];
    const onEvent = (event: { type: string; message: string }) =>
      event.type === 'notice' && notices.push(event.message);
    const ofFiles = await thaw.loadModel(files, { ...options, onEvent });
    const ofBytes = await thaw.loadModel(await bytes('onnx/model.onnx'), { ...options, onEvent });
    const image = await (await fetch('project/images/val/red/0.png')).blob();
    const [a, b] = [await ofFiles(image), await ofBytes([image])];
    const counted = await new Promise<number>((resolve) => {
      // The page's thread stays free while the worker predicts.
      let ticks = 0;
      const timer = setInterval(() => ticks++, 1);
      void ofFiles(Array(200).fill(image)).then(() => {
        clearInterval(timer);
        resolve(ticks);
      });
    });
    await ofFiles.dispose();
    await ofBytes.dispose();
    return { one, many, about, wrong, a, b, notices, counted };
  }, texts);
  await page.context().close();
  expect(outcome.about).toEqual(['classification', ['bad', 'good']]);
  expectClose(outcome.many, expected, 1e-3);
  const { label, probability } = outcome.many[0];
  expect(outcome.one).toEqual({ ...outcome.many[0], top: [{ label, probability }] });
  expect(outcome.wrong).toEqual([
    'bad-data: input 0 is not a text, and the model reads texts',
    "bad-config: the model's task is classification, not regression",
    `not-found: ${site.address}project/kept/nothing/ has no onnx/model.onnx (404)`,
    'the training was ended from outside',
  ]);
  expect(outcome.a).toEqual(outcome.b[0]);
  expect(Object.keys(outcome.a.probabilities)).toEqual(['blue', 'green', 'red']);
  expect(outcome.notices).toEqual([]);
  expect(outcome.counted).toBeGreaterThan(3);
});
