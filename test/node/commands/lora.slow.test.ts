import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readSafetensors } from '../../../src/compiler/step/index.ts';
import { ThawError } from '../../../src/errors.ts';
import { exportRun, merge, resume, type TrainingResult, train } from '../../../src/node/commands/index.ts';
import { evaluate, predict } from '../../../src/node/library/index.ts';
import { bytesOf, type Model, narrowed, readModel } from '../../../src/onnx/index.ts';
import type { TrainingSettings } from '../../../src/session/index.ts';
import { makeProject, type Project, pretrained, saveModel } from './project.ts';

const SETTINGS: TrainingSettings = {
  device: 'cpu',
  batch: 6,
  lr: 0.05,
  lora: { rank: 2, alpha: 4, dropout: 0.1 },
  stages: [
    { train: 'head', epochs: 1 },
    { train: 'block', epochs: 1 },
    { train: 'all', epochs: 2 },
  ],
};
const ADAPTERS = ['stem.weight', 'block.weight'].flatMap((name) => [`${name}.lora_A`, `${name}.lora_B`]);

let project: Project;
let run: string;
let outcome: TrainingResult<'classification'>;
beforeAll(async () => {
  project = await makeProject();
  run = join(project.folder, 'lora');
  outcome = await train({ model: project.model, data: project.data, out: run, settings: SETTINGS });
});
afterAll(() => project.remove());

const modelAt = (path: string): Model => readModel(readFileSync(path));
const stateOf = (path: string, kind = 'last') =>
  readSafetensors(readFileSync(join(path, 'checkpoints', kind, 'checkpoint.safetensors'))).tensors;
const bytesOfModel = (path: string) => readFileSync(join(path, 'model', 'onnx', 'model.onnx'));

describe('training with adapters', () => {
  test('learns, and keeps state only for adapters and the head', () => {
    expect(outcome.after!.accuracy).toBe(1);
    const trained = [...ADAPTERS, 'fc.weight', 'fc.bias'];
    const slots = trained.flatMap((name) => [name, `${name}.exp_avg`, `${name}.exp_avg_sq`]);
    expect([...stateOf(run).keys()].sort()).toEqual(slots.sort());
    const manifest = JSON.parse(readFileSync(join(run, 'artifacts', 'stage-2', 'manifest.json'), 'utf8'));
    expect(manifest.parameters.trainable.map(({ name }: { name: string }) => name)).toEqual(ADAPTERS.slice(2));
    expect(manifest.dropout).toEqual([{ value: 'r', rate: 0.1 }]);
  });

  test('ships the source’s graph, with only the adapted weights changed', () => {
    const { graph } = modelAt(join(run, 'model', 'onnx', 'model.onnx'));
    expect(graph.nodes.map(({ op }) => op)).toEqual(pretrained().graph.nodes.map(({ op }) => op));
    const same = [...pretrained().graph.initializers].filter(([name, before]) => {
      const after = graph.initializers.get(name)!;
      return after.shape.join() === before.shape.join() && Buffer.compare(bytesOf(after), bytesOf(before)) === 0;
    });
    expect(same.map(([name]) => name)).toEqual(['stem.bias', 'block.bias']);
  });

  test('gives the same bytes if stopped and resumed', async () => {
    const path = join(project.folder, 'stopped');
    const stop = new AbortController();
    const request = { model: project.model, data: project.data, out: path, settings: SETTINGS };
    const onEvent = (event: { type: string; epoch?: number; step?: number }) => {
      if (event.type === 'step' && event.epoch === 3 && event.step === 2) stop.abort();
    };
    expect((await train(request, { onEvent, signal: stop.signal })).status).toBe('interrupted');
    expect((await resume(path)).status).toBe('finished');
    expect(Buffer.compare(bytesOfModel(path), bytesOfModel(run))).toBe(0);
  });

  test('exports the run in other formats', async () => {
    const { file, verification } = await exportRun({ run, out: join(project.folder, 'plain.onnx') });
    expect(existsSync(file)).toBe(true);
    expect(verification!.maxDifference).toBeLessThan(1e-5);
  });
});

describe('adapter files', () => {
  test('merge into the source model, with the same predictions', async () => {
    const { file, classes } = await merge({ model: project.model, adapters: run });
    expect(file).toMatch(/adapters.merged\.onnx$/);
    expect(classes).toEqual(['blue', 'green', 'red']);
    const images = ['blue', 'red'].map((name) => join(project.data, 'val', name, '0.png'));
    const [merged, shipped] = await Promise.all([file, run].map((model) => predict({ model, images })));
    for (const [i, { probabilities }] of merged.entries())
      for (const [label, p] of Object.entries(probabilities)) expect(p).toBeCloseTo(shipped[i].probabilities[label], 5);
    expect((await evaluate({ model: file, data: project.data })).accuracy).toBe(1);
  });

  test('merge with the output layers of another task: regression values have their units', async () => {
    const classes = ['blue', 'green', 'red'];
    const rows = ['train', 'val'].flatMap((split) =>
      classes.flatMap((name, i) =>
        readdirSync(join(project.data, split, name)).map(
          (file) => `${join(split, name, file)},${100 * i + 50},${split}`,
        ),
      ),
    );
    const table = join(project.data, 'numbers.csv');
    writeFileSync(table, ['file_name,number,split', ...rows].join('\n'));
    const out = join(project.folder, 'numbers');
    const settings: TrainingSettings = {
      ...SETTINGS,
      augment: 'none',
      stages: [{ train: 'all', epochs: 2 }],
    };
    await train({ model: project.model, data: table, out, task: 'regression', settings });
    const { file } = await merge({ model: project.model, adapters: out });
    const images = classes.map((name) => join(project.data, 'val', name, '0.png'));
    const [merged, shipped] = await Promise.all(
      [file, out].map((model) => predict({ model, images, task: 'regression' })),
    );
    const numbersOf = (answers: typeof merged) =>
      answers.map((answer) => JSON.parse(JSON.stringify(answer)).values.number);
    expect(numbersOf(shipped).every((value) => value > 1)).toBe(true);
    for (const [i, value] of numbersOf(merged).entries()) expect(value).toBeCloseTo(numbersOf(shipped)[i], 2);
  });

  test('have the layout and names of PEFT', () => {
    const { tensors } = readSafetensors(readFileSync(join(run, 'adapters', 'adapter_model.safetensors')));
    expect([...tensors].map(([name, { shape }]) => [name, shape])).toEqual([
      ['base_model.model.stem.lora_A.weight', [2, 3, 3, 3]],
      ['base_model.model.stem.lora_B.weight', [4, 2, 1, 1]],
      ['base_model.model.block.lora_A.weight', [2, 4, 3, 3]],
      ['base_model.model.block.lora_B.weight', [8, 2, 1, 1]],
      ['base_model.model.fc.weight', [3, 8]],
      ['base_model.model.fc.bias', [3]],
    ]);
    const config = JSON.parse(readFileSync(join(run, 'adapters', 'adapter_config.json'), 'utf8'));
    expect(config).toMatchObject({ peft_type: 'LORA', r: 2, lora_alpha: 4, target_modules: ['stem', 'block'] });
  });

  test('are refused for another model, or if they are missing', async () => {
    const other = saveModel(project, 'other', pretrained({ softmax: true }));
    await expect(merge({ model: other, adapters: run })).rejects.toThrow(/another model/);
    await expect(merge({ model: project.model, adapters: project.data })).rejects.toThrow(ThawError);
  });
});

test('a float16 model is measured as shipped: merged and rounded', async () => {
  const model = pretrained();
  const { graph } = model;
  const halves = new Map([...graph.initializers].map(([name, value]) => [name, narrowed(value, 'float16')]));
  const half = { ...model, graph: { ...graph, initializers: halves } };
  half.graph.inputs = graph.inputs.map((input) => ({ ...input, type: 'float16' as const }));
  half.graph.outputs = graph.outputs.map((output) => ({ ...output, type: 'float16' as const }));
  const path = join(project.folder, 'half-run');
  const settings = { ...SETTINGS, stages: [{ train: 'all', epochs: 2 }] };
  const { after } = await train({ model: saveModel(project, 'half', half), data: project.data, out: path, settings });
  expect(after!.accuracy).toBeGreaterThan(0.5);
  const { graph: shipped } = modelAt(join(path, 'model', 'onnx', 'model.onnx'));
  expect(shipped.initializers.get('block.weight')!.type).toBe('float16');
});

test('refuses settings that leave nothing to adapt', async () => {
  const out = join(project.folder, 'refused');
  const request = (lora: TrainingSettings['lora']) => ({
    model: project.model,
    data: project.data,
    out,
    settings: { ...SETTINGS, lora },
  });
  await expect(train(request({ rank: 30 }))).rejects.toThrow(/rank 30 would be larger/);
  await expect(train(request({ targets: 'nothing' }))).rejects.toThrow(/"nothing" selects no parameter/);
});
