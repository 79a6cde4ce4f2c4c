import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { resume, type TrainingResult, train } from '../../../src/node/commands/index.ts';
import type { TrainingSettings } from '../../../src/session/index.ts';
import { makeProject, type Project } from './project.ts';

/** All regularization at once, on data with a rare class. */
const SETTINGS: TrainingSettings = {
  device: 'cpu',
  batch: 4,
  lr: 0.05,
  classWeights: 'balanced',
  sampling: 'balanced',
  l1: 1e-4,
  distill: 0.5,
  l2sp: { alpha: 0.1, beta: 0.01 },
  dropout: { head: 0.1, stem: 0.1 },
  artifacts: false,
  stages: [
    { train: 'head', epochs: 1 },
    { train: 'all', epochs: 7 },
  ],
};

let project: Project;
let run: string;
let outcome: TrainingResult<'classification'>;
beforeAll(async () => {
  project = await makeProject();
  for (const i of [0, 1, 2, 3, 4]) rmSync(join(project.data, 'train', 'red', `${i}.png`));
  run = join(project.folder, 'whole');
  outcome = await train({ model: project.model, data: project.data, out: run, settings: SETTINGS });
});
afterAll(() => project.remove());

const shipped = (path: string) => readFileSync(join(path, 'model', 'onnx', 'model.onnx'));

test('learns a rare class, and the run records the class weights as numbers', () => {
  expect(outcome.after!.accuracy).toBe(1);
  const config = parse(readFileSync(join(run, 'config.yaml'), 'utf8'));
  expect(config.classWeights).toBeUndefined();
  // blue 8, green 8, red 3
  expect(config.loss.classWeights).toEqual([8, 8, 3].map((n) => 19 / (3 * n)));
});

test('gives the same bytes if stopped and resumed', async () => {
  const path = join(project.folder, 'stopped');
  const stop = new AbortController();
  const onEvent = (event: { type: string; epoch?: number; step?: number }) => {
    if (event.type === 'step' && event.epoch === 3 && event.step === 2) stop.abort();
  };
  const request = { model: project.model, data: project.data, out: path, settings: SETTINGS };
  expect((await train(request, { onEvent, signal: stop.signal })).status).toBe('interrupted');
  expect((await resume(path)).status).toBe('finished');
  expect(Buffer.compare(shipped(path), shipped(run))).toBe(0);
});
