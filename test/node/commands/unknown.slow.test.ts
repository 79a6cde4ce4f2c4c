import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { calibrate, exportRun, resume, train } from '../../../src/node/commands/index.ts';
import { evaluate, loadModel, predict } from '../../../src/node/library/index.ts';
import { Random } from '../../../src/random.ts';
import { fromRgb, rgb } from '../../data/images.ts';
import { makeProject, type Project, SIDE } from './project.ts';

let project: Project;
let run: string;
let outcome: Awaited<ReturnType<typeof train>>;
const stages = [{ train: 'all', epochs: 4 }];
const settings = { device: 'cpu', batch: 6, lr: 0.03, augment: 'none', stages } as const;
const config = (folder: string) => JSON.parse(readFileSync(join(folder, 'model', 'config.json'), 'utf8'));

/** Stripes, which no class has. */
async function stripes(folder: string, count: number, seed: number): Promise<string> {
  mkdirSync(folder, { recursive: true });
  for (let i = 0; i < count; i++) {
    const random = new Random(seed + i, 'stripes');
    const width = 1 + random.below(3);
    const image = rgb(SIDE, SIDE, (x) => (Math.floor(x / width) % 2 ? [250, 250, 250] : [5, 5, 5]));
    writeFileSync(join(folder, `${i}.png`), await fromRgb(image, SIDE, SIDE).png().toBuffer());
  }
  return folder;
}

beforeAll(async () => {
  project = await makeProject({ train: 12, val: 10 });
  await stripes(join(project.data, 'train', '_unknown'), 6, 0);
  run = join(project.folder, 'run');
  outcome = await train({ model: project.model, data: project.data, out: run, settings });
});
afterAll(() => project.remove());

test('the examples are no class, and measure how many are recognised', () => {
  expect(Object.values(config(run).id2label)).toEqual(['blue', 'green', 'red']);
  expect(outcome.unknown).toMatchObject({ rate: 0.05, known: { samples: 30 } });
  expect(outcome.unknown!.unknown).toMatchObject({ from: 'examples', samples: 6, auroc: 1, fpr95: 0, recognised: 1 });
  expect(config(run).thaw.unknown.known).toHaveLength(30);
  const page = readFileSync(join(run, 'report.html'), 'utf8');
  const card = readFileSync(join(run, 'model', 'README.md'), 'utf8');
  for (const text of [page, card]) expect(text).toContain('Of 6 unknown examples, 6 are recognised (AUROC 1.000');
  for (const text of [page, card]) expect(text).toContain('Of 100 images of the classes, about 5 are called unknown');
});

test('a resumed run keeps the same note to the bit, and no examples leave an estimate', async () => {
  const own = join(project.folder, 'resumed');
  const stop = new AbortController();
  const data = join(project.folder, 'known');
  cpSync(project.data, data, { recursive: true, filter: (path) => !path.includes('_unknown') });
  const stopAt = (event: { type: string; epoch?: number }) =>
    event.type === 'epoch' && event.epoch === 2 && stop.abort();
  await train({ model: project.model, data, out: own, settings }, { onEvent: stopAt, signal: stop.signal });
  const resumed = await resume(own);
  expect(resumed.unknown!.unknown).toMatchObject({ from: 'left-out', samples: 30 });
  expect(config(own).thaw.unknown).toEqual(config(run).thaw.unknown);
});

test('predict calls stripes unknown, and colours known', async () => {
  const others = await stripes(join(project.folder, 'others'), 5, 100);
  const images = [others, join(project.data, 'val', 'red')];
  const found = await predict({ model: run, images, settings: { unknown: true } });
  expect(found.slice(0, 5).map(({ unknown }) => unknown)).toEqual(Array(5).fill(true));
  for (const { unknownScore } of found.slice(0, 5)) expect(unknownScore).toBeGreaterThan(0.5);
  expect(found.slice(5).filter(({ unknown }) => unknown).length).toBeLessThan(3);
  const [plain] = await predict({ model: run, images });
  expect(plain).not.toHaveProperty('unknown');
  const { unknown: _, unknownScore: __, ...rest } = found[0];
  expect(rest.probabilities).toEqual(
    Object.fromEntries(Object.entries(plain.probabilities).map(([name, p]) => [name, expect.closeTo(p, 5)])),
  );
});

test('a larger rate calls more samples unknown, and views give one answer each', async () => {
  const images = [join(project.data, 'val')];
  const called = async (unknownRate: number) =>
    (await predict({ model: run, images, settings: { unknownRate } })).filter(({ unknown }) => unknown).length;
  expect(await called(0.5)).toBeGreaterThan(await called(0.05));
  const classify = await loadModel(run, { settings: { unknown: true, tta: 'flip' } });
  expect(await classify(join(project.data, 'val', 'red', '0.png'))).toMatchObject({ unknown: false });
  await classify.dispose();
});

test('eval measures the examples of its data', async () => {
  const { unknown, accuracy } = await evaluate({ model: run, data: project.data });
  expect(accuracy).toBeGreaterThan(0.9);
  expect(unknown!.unknown).toMatchObject({ samples: 6, auroc: 1, recognised: 1 });
});

test('calibrate sets the rate, and fits a model that keeps nothing', async () => {
  const copy = join(project.folder, 'copy');
  cpSync(run, copy, { recursive: true });
  const before = config(copy).thaw.unknown;
  const set = await calibrate({ model: copy, data: project.data, split: 'val', unknownRate: 0.2 });
  expect(set.unknown).toMatchObject({ rate: 0.2, unknown: { samples: 6, recognised: 1 } });
  expect(config(copy).thaw.unknown).toEqual({ ...before, rate: 0.2 });
  const { unknown: _, ...others } = config(copy).thaw;
  writeFileSync(join(copy, 'model', 'config.json'), JSON.stringify({ ...config(copy), thaw: others }));
  const ask = () => predict({ model: copy, images: [project.data], settings: { unknown: true } });
  await expect(ask()).rejects.toMatchObject({ code: 'bad-config', hint: expect.stringContaining('thaw calibrate') });
  const examples = await stripes(join(project.folder, 'examples'), 4, 50);
  const fitted = await calibrate({ model: copy, data: project.data, split: 'train', unknown: examples });
  expect(fitted.unknown!.unknown).toMatchObject({ from: 'examples', samples: 4, recognised: 1 });
  expect((await ask()).length).toBeGreaterThan(0);
  await expect(calibrate({ model: copy, data: project.data, unknownRate: 1 })).rejects.toThrow('the unknown rate is 1');
});

test('the threshold also holds for compressed weights', async () => {
  const { file } = await exportRun({ run, form: 'int8', device: 'cpu' });
  const images = [join(project.data, 'val'), join(project.data, 'train', '_unknown')];
  const answers = async (model: string) =>
    (await predict({ model, images, settings: { unknown: true } })).map(({ unknown }) => unknown);
  const [full, small] = [await answers(run), await answers(file)];
  expect(small.filter((answer, i) => answer !== full[i]).length).toBeLessThan(3);
});

test('tasks without unknown samples refuse it', async () => {
  const setting = { ...settings, unknown: join(project.data, 'train', '_unknown') };
  const embedding = train({
    model: project.model,
    data: project.data,
    task: 'embedding',
    settings: { ...setting, batch: 8 },
  });
  await expect(embedding).rejects.toMatchObject({ code: expect.stringMatching(/bad-(data|config)/) });
});
