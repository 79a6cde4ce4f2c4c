import { existsSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { readSafetensors } from '../../../src/compiler/step/index.ts';
import { exportRun, type JobEvent, resume, type TrainingResult, train } from '../../../src/node/commands/index.ts';
import { evaluate, predict } from '../../../src/node/library/index.ts';
import { bytesOf, type Model, readModel } from '../../../src/onnx/index.ts';
import type { TrainingSettings } from '../../../src/session/index.ts';
import { makeProject, type Project, pretrained } from './project.ts';

const SETTINGS: TrainingSettings = {
  device: 'cpu',
  batch: 6,
  lr: 0.03,
  augment: { horizontalFlip: { probability: 0.5 } },
  dropout: 0.1,
  stages: [
    { train: 'head', epochs: 2 },
    { train: 'last:2', epochs: 2 },
  ],
};

let project: Project;
beforeAll(async () => {
  project = await makeProject();
});
afterAll(() => project.remove());
afterEach(() => vi.unstubAllEnvs());

const modelAt = (path: string): Model => readModel(readFileSync(path));
const shippedBytes = (run: string) => readFileSync(join(run, 'model', 'onnx', 'model.onnx'));
const rows = (run: string) =>
  readFileSync(join(run, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('train', () => {
  let run: string;
  let outcome: TrainingResult<'classification'>;
  const events: JobEvent[] = [];
  beforeAll(async () => {
    run = join(project.folder, 'whole');
    const request = { model: project.model, data: project.data, out: run, settings: SETTINGS };
    outcome = await train(request, { onEvent: (event) => events.push(event) });
  });

  test('learns, and reports its scores', () => {
    expect(outcome).toMatchObject({ status: 'finished', why: 'finished', epochs: 4 });
    expect(outcome.before!.accuracy).toBeLessThan(0.9);
    expect(outcome.after!.accuracy).toBe(1);
    expect(outcome.after!.perClass.map(({ label }) => label)).toEqual(['blue', 'green', 'red']);
  });

  test('writes the documented run directory', () => {
    const files = readdirSync(run);
    for (const file of [
      'config.yaml',
      'results.csv',
      'metrics.jsonl',
      'report.html',
      'checkpoints',
      'artifacts',
      'model',
    ])
      expect(files).toContain(file);
    expect(files.some((file) => file.startsWith('events.out.tfevents.'))).toBe(true);
    expect(readdirSync(join(run, 'plots'))).toEqual(
      expect.arrayContaining(['accuracy.png', 'confusion.png', 'roc.png']),
    );
    expect(readdirSync(join(run, 'checkpoints'))).toEqual(expect.arrayContaining(['best', 'last']));
    expect(readdirSync(join(run, 'model')).sort()).toEqual([
      'README.md',
      'config.json',
      'onnx',
      'preprocessor_config.json',
    ]);
    expect(rows(run).map(({ epoch, stage, trainable }) => [epoch, stage, trainable])).toEqual([
      [1, 1, 27],
      [2, 1, 27],
      [3, 2, 27 + 296],
      [4, 2, 27 + 296],
    ]);
  });

  test('writes the resolved configuration, which is a valid config file', () => {
    const config = parse(readFileSync(join(run, 'config.yaml'), 'utf8'));
    expect(config).toMatchObject({ model: project.model, data: project.data, batch: 6, seed: 0 });
    expect(config.schedule).toMatchObject({ name: 'cosine', warmup: 0.1 });
  });

  test('the plain export keeps the bytes of frozen parameters, the graph and the names', async () => {
    const file = join(project.folder, 'plain.onnx');
    const { verification } = await exportRun({ run, out: file });
    expect(verification).toMatchObject({ samples: 12, agreement: 1 });
    expect(verification!.maxDifference).toBeLessThan(1e-5);
    const source = pretrained();
    const exported = modelAt(file);
    const nodes = ({ graph }: Model) => graph.nodes.map(({ op, inputs, outputs }) => [op, inputs, outputs]);
    expect(nodes(exported)).toEqual(nodes(source));
    expect(exported.opsets).toEqual(source.opsets);
    for (const name of ['stem.weight', 'stem.bias'])
      expect(bytesOf(exported.graph.initializers.get(name)!)).toEqual(bytesOf(source.graph.initializers.get(name)!));
    const block = (model: Model) => bytesOf(model.graph.initializers.get('block.weight')!);
    expect(block(exported)).not.toEqual(block(source));
    expect(exported.graph.initializers.get('fc.weight')!.shape).toEqual([3, 8]);
  });

  test('writes the documented artifacts of every stage', () => {
    const folder = join(run, 'artifacts', 'stage-2');
    const inputs = (file: string) => modelAt(join(folder, file)).graph.inputs.map(({ name }) => name);
    const outputs = (file: string) => modelAt(join(folder, file)).graph.outputs.map(({ name }) => name);
    const parameters = ['block.weight', 'block.bias', 'fc.weight', 'fc.bias'];
    expect(inputs('training_model.onnx')).toEqual([
      'input',
      'labels',
      ...parameters,
      expect.stringMatching(/\.noise$/),
    ]);
    expect(outputs('training_model.onnx')).toEqual(['loss', 'output', ...parameters.map((name) => `${name}.grad`)]);
    expect(inputs('eval_model.onnx')).toEqual(['input', 'labels', ...parameters]);
    const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'));
    expect(manifest).toMatchObject({
      format: 'thaw-artifacts',
      version: 1,
      labels: { name: 'labels', type: 'int64', shape: ['batch'] },
      parameters: { trainableCount: 27 + 296, frozenCount: 112 },
      optimizer: { name: 'adamw', slots: ['exp_avg', 'exp_avg_sq'] },
    });
    expect(manifest.parameters.frozen.map(({ name }: { name: string }) => name)).toEqual(['stem.weight', 'stem.bias']);
    expect(manifest.parameters.trainable[0]).toMatchObject({ name: 'block.weight', learningRateScale: 0.1 });
    const { tensors, metadata } = readSafetensors(readFileSync(join(folder, 'checkpoint.safetensors')));
    expect([...tensors.keys()]).toEqual(expect.arrayContaining(['fc.weight', 'fc.weight.exp_avg']));
    expect(metadata).toMatchObject({ step: '16', epoch: '4', stage: '2' });
  });

  test('reports everything as events', () => {
    const types = events.map(({ type }) => type);
    expect(types.filter((type) => type === 'step')).toHaveLength(16);
    expect(types.indexOf('before')).toBeLessThan(types.indexOf('stage'));
    expect(types.at(-1)).toBe('phase');
    expect(types).toContain('verified');
  });

  test('the run, its model folder and plain ONNX give the same evaluations and predictions', async () => {
    const settings = { device: 'cpu' } as const;
    const image = join(project.data, 'val', 'green', '0.png');
    const plain = join(project.folder, 'same.onnx');
    await exportRun({ run, out: plain });
    for (const model of [run, join(run, 'model'), plain]) {
      expect(await evaluate({ model, data: project.data, settings })).toMatchObject({ accuracy: 1 });
      const [{ file, label, probabilities }] = await predict({ model, images: [image], settings });
      expect({ file, label }).toEqual({ file: image, label: 'green' });
      expect(Object.keys(probabilities)).toEqual(['blue', 'green', 'red']);
      expect(Object.values(probabilities).reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5);
    }
  });

  test('refuses a finished run, and a directory in use', async () => {
    await expect(resume(run)).rejects.toMatchObject({
      code: 'run-directory',
      message: expect.stringContaining('finished'),
    });
    const again = train({ model: project.model, data: project.data, out: run, settings: SETTINGS });
    await expect(again).rejects.toMatchObject({ code: 'run-directory' });
  });

  test.each([2, 6, 11])('stopped after step %i and resumed equals an uninterrupted run, to the byte', async (at) => {
    const out = join(project.folder, `stopped-${at}`);
    const controller = new AbortController();
    let steps = 0;
    const stopped = await train(
      { model: project.model, data: project.data, out, settings: SETTINGS },
      {
        signal: controller.signal,
        onEvent: ({ type }) => {
          if (type === 'step' && ++steps === at) controller.abort();
        },
      },
    );
    expect(stopped).toMatchObject({ status: 'interrupted', model: null });
    expect(existsSync(join(out, 'model'))).toBe(false);
    expect((await exportRun({ run: out, out: `${out}.onnx` })).verification).toBeNull();
    const resumed = await resume(out);
    expect(resumed).toMatchObject({ status: 'finished', epochs: 4, before: { accuracy: outcome.before!.accuracy } });
    expect(shippedBytes(out).equals(shippedBytes(run))).toBe(true);
    const numbers = (path: string) => rows(path).map(({ seconds: _seconds, ...row }) => row);
    expect(numbers(out)).toEqual(numbers(run));
  });

  test('feature caches change no byte: off, in memory, on disk, or with damaged files', async () => {
    const folder = join(project.folder, 'cache');
    vi.stubEnv('THAW_CACHE', folder);
    const files = () =>
      readdirSync(join(folder, 'features'), { recursive: true, encoding: 'utf8' })
        .map((name) => join(folder, 'features', name))
        .filter((file) => statSync(file).isFile());
    const trained = async (name: string, settings: TrainingSettings) => {
      const out = join(project.folder, name);
      await train({ model: project.model, data: project.data, out, settings: { ...SETTINGS, ...settings } });
      return shippedBytes(out).equals(shippedBytes(run));
    };
    expect(await trained('cache-off', { cache: 'off' })).toBe(true);
    expect(await trained('cache-small', { cacheMemory: 0 })).toBe(true);
    expect(existsSync(folder)).toBe(false);
    expect(await trained('cache-disk', { cache: 'disk', cacheMemory: 0 })).toBe(true);
    const written = files().length;
    expect(written).toBeGreaterThan(12);
    for (const file of files()) truncateSync(file, 40);
    expect(await trained('cache-damaged', { cache: 'disk' })).toBe(true);
    const mended = files().map((file) => statSync(file));
    expect(mended).toHaveLength(written);
    expect(Math.min(...mended.map(({ size }) => size))).toBeGreaterThan(40);
    expect(await trained('cache-again', { cache: 'disk' })).toBe(true);
    expect(files().map((file) => statSync(file).birthtimeMs)).toEqual(mended.map(({ birthtimeMs }) => birthtimeMs));
  });

  test('stopped during export, it finishes later with the same weights', async () => {
    const out = join(project.folder, 'late');
    const controller = new AbortController();
    const stopped = await train(
      { model: project.model, data: project.data, out, settings: SETTINGS },
      {
        signal: controller.signal,
        onEvent: (event) => event.type === 'phase' && event.phase === 'exporting' && controller.abort(),
      },
    );
    expect(stopped).toMatchObject({ status: 'interrupted', why: 'finished', epochs: 4 });
    const steps: JobEvent[] = [];
    const resumed = await resume(out, { onEvent: (event) => event.type === 'step' && steps.push(event) });
    expect(resumed).toMatchObject({ status: 'finished', epochs: 4 });
    expect(steps).toEqual([]);
    expect(shippedBytes(out).equals(shippedBytes(run))).toBe(true);
  });

  test('refuses to resume with other images', async () => {
    const other = await makeProject({ train: 2, val: 1 });
    try {
      const out = join(other.folder, 'run');
      const controller = new AbortController();
      await train(
        { model: other.model, data: other.data, out, settings: SETTINGS },
        { signal: controller.signal, onEvent: ({ type }) => type === 'step' && controller.abort() },
      );
      writeFileSync(
        join(other.data, 'train', 'red', 'another.png'),
        readFileSync(join(other.data, 'train', 'red', '0.png')),
      );
      await expect(resume(out)).rejects.toMatchObject({ code: 'run-directory' });
    } finally {
      other.remove();
    }
  });
});

test('leaves no files if stopped or refused before the first step', async () => {
  const out = join(project.folder, 'never');
  const controller = new AbortController();
  const request = { model: project.model, data: project.data, out, settings: SETTINGS };
  const stopped = train(request, {
    signal: controller.signal,
    onEvent: ({ type }) => type === 'model' && controller.abort(),
  });
  await expect(stopped).rejects.toMatchObject({ name: 'AbortError' });
  expect(existsSync(out)).toBe(false);
  const refused = train({ ...request, settings: { ...SETTINGS, stages: [{ train: 'nothing', epochs: 1 }] } });
  await expect(refused).rejects.toMatchObject({ code: 'bad-config' });
  expect(existsSync(out)).toBe(false);
});

test('keeps training the head of a finished model', async () => {
  const run = join(project.folder, 'first');
  const base = { data: project.data, settings: { ...SETTINGS, keepHead: true } };
  await train({ model: project.model, data: project.data, out: run, settings: SETTINGS });
  const outcome = await train({ ...base, model: run, out: join(project.folder, 'second') });
  expect(outcome.before!.accuracy).toBe(1);
  const unnamed = train({ ...base, model: project.model, out: join(project.folder, 'third') });
  await expect(unnamed).rejects.toMatchObject({ code: 'bad-config', hint: expect.stringContaining('--labels') });
});

test('accepts an order of the classes, if they match the data', async () => {
  const request = { model: project.model, data: project.data, out: join(project.folder, 'ordered') };
  const settings = { ...SETTINGS, stages: [{ train: 'head', epochs: 2 }] };
  const labels = ['red', 'blue', 'green'];
  await train({ ...request, settings: { ...settings, labels } });
  const config = JSON.parse(readFileSync(join(request.out, 'model', 'config.json'), 'utf8'));
  expect(Object.values(config.id2label)).toEqual(labels);
  const [{ label }] = await predict({ model: request.out, images: [join(project.data, 'val', 'red', '1.png')] });
  expect(label).toBe('red');
  const wrong = train({
    ...request,
    out: join(project.folder, 'no'),
    settings: { ...settings, labels: ['red', 'blue'] },
  });
  await expect(wrong).rejects.toMatchObject({ code: 'bad-config', message: expect.stringContaining('green') });
});

test('selects and ships a moving average of the weights', async () => {
  const out = join(project.folder, 'averaged');
  const settings = { ...SETTINGS, ema: 0.9 };
  const outcome = await train({ model: project.model, data: project.data, out, settings });
  const best = rows(out)[outcome.bestEpoch! - 1];
  // The trainer's graphs compute one during training; the graphs of the last stage compute the other.
  expect(outcome.after!.loss).toBeCloseTo(best.val.loss, 5);
  const { tensors } = readSafetensors(readFileSync(join(out, 'checkpoints', 'best', 'checkpoint.safetensors')));
  const average = [...tensors].find(([name]) => name.endsWith('.average'))!;
  const shipped = [...modelAt(join(out, 'model', 'onnx', 'model.onnx')).graph.initializers.values()].map((t) =>
    bytesOf(t).join(),
  );
  expect(shipped).toContain(bytesOf(average[1]).join());

  const exported = await exportRun({ run: out, out: join(project.folder, 'averaged.onnx') });
  expect(exported.verification!.maxDifference).toBeLessThan(1e-5);
});
