import { cpSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findHead } from '../../../src/compiler/surgery/index.ts';
import { type JobEvent, train } from '../../../src/node/commands/index.ts';
import {
  dequantized,
  type Model,
  numbersOf,
  quantizedWeights,
  readModel,
  writeModel,
} from '../../../src/onnx/index.ts';
import { nodeRuntime } from '../../../src/runtime/node/sessions.ts';
import { prepareModel, type TrainingSettings } from '../../../src/session/index.ts';
import { quantizedPretrained } from '../../quantized-models.ts';
import { weights } from '../../small-models.ts';
import { makeProject, type Project, SIDE } from './project.ts';

const SETTINGS: TrainingSettings = {
  device: 'cpu',
  batch: 6,
  lr: 0.02,
  augment: 'none',
  artifacts: false,
  stages: [{ train: 'head', epochs: 4 }],
};

const runtime = nodeRuntime();
let project: Project;
let first: string;
beforeAll(async () => {
  project = await makeProject({ train: 8, val: 4 });
  first = join(project.folder, 'first');
  await train({ model: project.model, data: project.data, out: first, settings: SETTINGS });
});
afterAll(() => project.remove());

/** The images with renamed classes. */
function dataWith(name: string, names: Readonly<Record<string, string>>): string {
  const data = join(project.folder, name);
  cpSync(project.data, data, { recursive: true });
  for (const split of ['train', 'val'])
    for (const [from, to] of Object.entries(names)) renameSync(join(data, split, from), join(data, split, to));
  return data;
}

async function trained(name: string, data: string, settings: TrainingSettings = {}) {
  const events: JobEvent[] = [];
  const out = join(project.folder, name);
  const request = { model: first, data, out, settings: { ...SETTINGS, ...settings } };
  const outcome = await train(request, { onEvent: (event) => events.push(event) });
  const { continued } = events.find(({ type }) => type === 'model') as Extract<JobEvent, { type: 'model' }>;
  const record = JSON.parse(readFileSync(join(out, 'record.json'), 'utf8'));
  return { outcome, continued, record, report: readFileSync(join(out, 'report.html'), 'utf8') };
}

async function logitsOf(model: Model): Promise<number[][]> {
  const session = await runtime.load(writeModel(model));
  const [input] = model.graph.inputs;
  const { [model.graph.outputs[0].name]: scores } = await session.run({ [input.name]: weights([5, 3, SIDE, SIDE], 9) });
  await session.release();
  const [count, classes] = scores.shape;
  return Array.from({ length: count }, (_, n) => numbersOf(scores).slice(n * classes, (n + 1) * classes));
}

test('a finished model keeps training with one class added and one removed, and reports it', async () => {
  const data = dataWith('purple for green', { green: 'purple' });
  const { outcome, continued, record, report } = await trained('more', data);
  expect(continued).toEqual({ kept: ['blue', 'red'], added: ['purple'], removed: ['green'] });
  expect(record.continued).toEqual(continued);
  expect(report).toContain('keeps the weights of blue, red; new: purple; removed: green');
  // The model already knows two of three classes.
  expect(outcome.before!.perClass.map(({ label }) => label)).toEqual(['blue', 'purple', 'red']);
  const recalls = Object.fromEntries(outcome.before!.perClass.map(({ label, recall }) => [label, recall]));
  expect([recalls.blue, recalls.red]).toEqual([1, 1]);
});

test('logits of kept classes are bit-identical before training, in any order', async () => {
  const source = readModel(readFileSync(join(first, 'model', 'onnx', 'model.onnx')));
  const known = ['blue', 'green', 'red'];
  const before = await logitsOf(source);
  const orders = [known, ['red', 'blue', 'green'], ['black', 'red', 'white', 'blue', 'yellow'], ['green', 'red']];
  for (const wanted of orders) {
    const names = { known, wanted, rows: 'keep' } as const;
    const prepared = await prepareModel(source, runtime, { classes: wanted.length, names });
    const after = await logitsOf(prepared.source);
    for (const [c, name] of wanted.entries())
      if (known.includes(name))
        expect(after.map((row) => row[c])).toEqual(before.map((row) => row[known.indexOf(name)]));
  }
});

describe('known classes', () => {
  const known = Array.from({ length: 5 }, (_, i) => `old ${i}`);
  const source = () => readModel(readFileSync(join(project.model, 'model.onnx')));
  const keptOf = async (wanted: string[], rows: 'auto' | 'keep' | 'redraw') => {
    const names = { known, wanted, rows };
    return (await prepareModel(source(), runtime, { classes: wanted.length, names })).continued?.kept.length ?? 0;
  };

  test('keep their weights automatically only if the same task continues', async () => {
    expect(await keptOf(['old 0', 'new', 'newer'], 'auto')).toBe(0);
    expect(await keptOf(['old 0', 'new', 'newer'], 'keep')).toBe(1);
    expect(await keptOf(['old 0', 'old 1', 'old 2', 'new', 'newer'], 'auto')).toBe(3);
    expect(await keptOf(['old 0', 'old 1'], 'auto')).toBe(2);
    expect(await keptOf(['old 0', 'old 1'], 'redraw')).toBe(0);
  });

  test('are ignored if the model names more or fewer classes than it has outputs', async () => {
    const names = { known: known.slice(1), wanted: known, rows: 'keep' } as const;
    expect((await prepareModel(source(), runtime, { classes: 5, names })).continued).toBeUndefined();
  });
});

test.each([true, false])(
  'integer rows of kept classes stay unchanged, one scale per channel: %s',
  async (perChannel) => {
    const source = quantizedPretrained({ perChannel });
    const known = ['a', 'b', 'c', 'd', 'e'];
    const names = { known, wanted: ['e', 'new', 'b', 'c'], rows: 'keep' } as const;
    const prepared = await prepareModel(source, runtime, { classes: 4, names, quantized: 'straight-through' });
    const rowsOf = (model: Model, classes: number, name: string) => {
      const whole = model.graph.initializers.get(name)!;
      const floats = numbersOf(dequantized(whole, quantizedWeights(model.graph).get(name)!.quantization));
      return Array.from({ length: classes }, (_, c) => [numbersOf(whole), floats].map((all) => rowOf(all, classes, c)));
    };
    const rowOf = (all: number[], classes: number, c: number) =>
      all.slice((c * all.length) / classes, ((c + 1) * all.length) / classes);
    for (const name of [findHead(source).weight, findHead(source).bias!]) {
      const [before, after] = [rowsOf(source, 5, name), rowsOf(prepared.source, 4, name)];
      expect([after[0], after[2], after[3]]).toEqual([before[4], before[1], before[2]]);
    }
  },
);
