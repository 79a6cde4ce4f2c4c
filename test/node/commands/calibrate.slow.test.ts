import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { calibrate, type TrainingResult, train } from '../../../src/node/commands/index.ts';
import { evaluate, predict } from '../../../src/node/library/index.ts';
import { noTemperature } from '../../../src/report/sections/probabilities.ts';
import { tempered } from '../../../src/tasks/metrics/index.ts';
import { makeProject, type Project, pretrained, saveModel } from './project.ts';

let project: Project;
let run: string;
let outcome: TrainingResult<'classification'>;
const config = (folder: string) => JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));

beforeAll(async () => {
  project = await makeProject({ val: 18 });
  // Two blue images with the label red: a good model is confidently wrong on them.
  for (const name of ['a', 'b'])
    copyFileSync(join(project.data, 'val', 'blue', '0.png'), join(project.data, 'val', 'red', `${name}.png`));
  run = join(project.folder, 'run');
  const stages = [{ train: 'all', epochs: 6 }];
  const settings = { device: 'cpu', batch: 6, lr: 0.03, augment: 'none', labelSmoothing: 0, stages } as const;
  outcome = await train({ model: project.model, data: project.data, out: run, settings });
});
afterAll(() => project.remove());

test('training fits a temperature and saves it next to the model', () => {
  const { calibration } = outcome;
  expect(calibration).toMatchObject({ samples: 56, measured: 'parts' });
  expect(Math.abs(calibration!.temperature! - 1)).toBeGreaterThan(0.1);
  expect(calibration!.with.logLoss).not.toBe(calibration!.without.logLoss);
  expect(config(join(run, 'model')).thaw.temperature).toBe(calibration!.temperature);
});

test('predictions are calibrated only on request', async () => {
  const images = [join(project.data, 'val', 'red')];
  const plain = await predict({ model: run, images });
  const calibrated = await predict({ model: run, images, settings: { calibrated: true } });
  expect(calibrated.map(({ label }) => label)).toEqual(plain.map(({ label }) => label));
  plain.forEach(({ probabilities }, i) => {
    const expected = tempered(Float32Array.from(Object.values(probabilities)), outcome.calibration!.temperature!);
    expect(Object.values(calibrated[i].probabilities)).toEqual([...expected].map((p) => expect.closeTo(p, 6)));
  });
  const settings = { calibrated: true };
  const measured = await evaluate({ model: run, data: project.data, settings });
  expect(measured.accuracy).toBe(outcome.after!.accuracy);
  expect(measured.logLoss).toBeLessThan(outcome.after!.logLoss - 0.005);
});

test('calibrate fits a new temperature on other images', async () => {
  const before = config(join(run, 'model'));
  const fitted = await calibrate({ model: run, data: project.data, split: 'val' });
  expect(fitted.file).toMatch(/config\.json$/);
  expect(fitted.temperature).toBeCloseTo(outcome.calibration!.temperature!, 3);
  expect(before.thaw.training).toBeDefined();
  expect(config(join(run, 'model'))).toEqual({ ...before, thaw: { ...before.thaw, temperature: fitted.temperature } });
});

test('nothing is saved if the fit fails, or there is no config.json', async () => {
  const before = config(join(run, 'model'));
  const right = await calibrate({ model: run, data: project.data, split: 'train' });
  expect(right).toMatchObject({ temperature: null, fitted: null, file: null, samples: 24 });
  expect(noTemperature(right, 'image')).toMatch(/^Thaw fits no temperature on 24 images: it needs 50/);
  expect(right.with).toEqual(right.without);
  expect(config(join(run, 'model'))).toEqual(before);
  const lone = saveModel(project, 'lone', pretrained());
  const labels = ['blue', 'green', 'red', 'x', 'y'];
  expect(await calibrate({ model: lone, data: project.data, settings: { labels } })).toMatchObject({ file: null });
});

test('--calibrated refuses a model without a temperature, or with an invalid one', async () => {
  const images = [join(project.data, 'val', 'red', '0.png')];
  const folder = join(project.folder, 'other');
  mkdirSync(folder);
  copyFileSync(join(run, 'model', 'onnx', 'model.onnx'), join(folder, 'model.onnx'));
  copyFileSync(join(run, 'model', 'preprocessor_config.json'), join(folder, 'preprocessor_config.json'));
  const ask = () => predict({ model: folder, images, settings: { calibrated: true } });
  const { thaw: _thaw, ...bare } = config(join(run, 'model'));
  writeFileSync(join(folder, 'config.json'), JSON.stringify(bare));
  await expect(ask()).rejects.toMatchObject({ code: 'bad-config', hint: expect.stringContaining('thaw calibrate') });
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...bare, thaw: { temperature: 0 } }));
  await expect(ask()).rejects.toMatchObject({
    code: 'bad-config',
    message: expect.stringContaining('temperature is 0'),
  });
});
