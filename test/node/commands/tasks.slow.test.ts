/** Every task, from a table of images to a finished model in use. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { exportRun, train } from '../../../src/node/commands/index.ts';
import { evaluate, predict } from '../../../src/node/library/index.ts';
import { readModel } from '../../../src/onnx/index.ts';
import { COLOURS, makeProject, type Project } from './project.ts';

let project: Project;
let out: (name: string) => string;
beforeAll(async () => {
  project = await makeProject();
  out = (name) => join(project.folder, name);
  const names = Object.keys(COLOURS) as (keyof typeof COLOURS)[];
  const rows = names.flatMap((name) =>
    ['train', 'val'].flatMap((split) =>
      Array.from({ length: split === 'train' ? 8 : 4 }, (_, i) => ({
        file: `images/${split}/${name}/${i}.png`,
        name,
        split,
      })),
    ),
  );
  const table = (columns: string, row: (one: (typeof rows)[number]) => string) =>
    `file_name,split,${columns}\n${rows.map((one) => `${one.file},${one.split},${row(one)}`).join('\n')}\n`;
  const labelsOf = { blue: 'blue|cold', green: 'cold', red: 'warm' };
  writeFileSync(
    out('labels.csv'),
    table('labels', ({ name }) => labelsOf[name]),
  );
  const red = (name: keyof typeof COLOURS) => 1000 + 10 * COLOURS[name][0];
  writeFileSync(
    out('numbers.csv'),
    table('red,blue', ({ name }) => `${red(name)},${COLOURS[name][2] / 1000}`),
  );
});
afterAll(() => project.remove());

const settings = {
  batch: 6,
  epochs: 12,
  lr: 0.05,
  pretrainedRate: 1,
  augment: 'none',
  artifacts: false,
  trainable: 'all',
} as const;
const modelOf = (run: string) => readModel(new Uint8Array(readFileSync(join(run, 'model', 'onnx', 'model.onnx'))));
const json = (file: string) => JSON.parse(readFileSync(file, 'utf8'));
const image = (name: string) => join(project.data, 'val', name, '0.png');

describe('several labels', () => {
  test('are trained, exported for transformers.js, predicted and measured', async () => {
    const run = out('labels');
    const outcome = await train({
      model: project.model,
      data: out('labels.csv'),
      out: run,
      task: 'multi-label',
      settings,
    });
    expect(outcome.after!.map).toBeGreaterThan(Math.max(0.95, outcome.before!.map));
    expect(outcome.after!.subsetAccuracy).toBeGreaterThan(0.9);
    const config = json(join(run, 'model', 'config.json'));
    expect(config).toMatchObject({
      problem_type: 'multi_label_classification',
      id2label: { 0: 'blue', 1: 'cold', 2: 'warm' },
      thresholds: outcome.after!.perLabel.map(({ threshold }) => threshold),
    });
    const [told] = await predict({ task: 'multi-label', model: run, images: [image('blue')] });
    expect(told.labels).toEqual(['blue', 'cold']);
    const again = await evaluate({ task: 'multi-label', model: run, data: out('labels.csv') });
    expect(again.map).toBeCloseTo(outcome.after!.map, 6);
    expect(again.loss).toBeCloseTo(outcome.after!.loss, 4);
    const rows = readFileSync(join(run, 'results.csv'), 'utf8').split('\n');
    expect(rows[0]).toBe('epoch,stage,trainable,lr,train_loss,train_f1,val_loss,val_map,val_f1,seconds');
    expect(readFileSync(join(run, 'report.html'), 'utf8')).toContain('mean average precision');
  });
});

describe('numbers', () => {
  test('are trained standardized, and exported in the user’s units', async () => {
    const run = out('numbers');
    const outcome = await train({
      model: project.model,
      data: out('numbers.csv'),
      out: run,
      task: 'regression',
      settings,
    });
    expect(outcome.after!.r2).toBeGreaterThan(0.8);
    expect(outcome.after!.perTarget.map(({ name }) => name)).toEqual(['red', 'blue']);
    const [told] = await predict({
      task: 'regression',
      model: run,
      images: [image('red')],
    });
    expect(Math.abs(told.values.red - 3100)).toBeLessThan(500);
    expect(Math.abs(told.values.blue - 0.04)).toBeLessThan(0.06);
    expect(
      modelOf(run)
        .graph.nodes.slice(-3)
        .map(({ op }) => op),
    ).toEqual(['Gemm', 'Mul', 'Add']);
    expect(json(join(run, 'model', 'config.json'))).toMatchObject({
      problem_type: 'regression',
      id2label: { 1: 'blue' },
    });
    const again = await evaluate({ task: 'regression', model: run, data: out('numbers.csv') });
    expect(again.mae).toBeCloseTo(outcome.after!.mae, 2);
    expect((await exportRun({ run, out: out('numbers.onnx') })).verification!.maxDifference).toBeLessThan(1e-4);
  });

  test('continue from a finished model: with its head in its units, or with a new head in new units', async () => {
    const start = { data: out('numbers.csv'), model: out('numbers'), task: 'regression' } as const;
    const short = { ...settings, epochs: 1, lr: 1e-5 };
    const kept = await train({
      ...start,
      out: out('kept'),
      settings: { ...short, keepHead: true },
    });
    expect(kept.before!.r2).toBeGreaterThan(0.8);
    const other = await train({
      ...start,
      out: out('other'),
      settings: { ...short, targets: ['blue'] },
    });
    expect(other.before!.perTarget.map(({ name }) => name)).toEqual(['blue']);
    expect(modelOf(out('other')).graph.nodes.filter(({ op }) => op === 'Mul')).toHaveLength(1);
    const wrong = train({
      ...start,
      task: 'embedding',
      data: project.data,
      out: out('wrong'),
      settings: { ...settings, batch: 12, keepHead: true },
    });
    await expect(wrong).rejects.toThrow("the model's head is for regression");
  });
});

describe('embeddings', () => {
  test.each(['supervised-contrastive', 'info-nce', 'triplet'] as const)('are trained with %s', async (loss) => {
    const run = out(loss);
    const outcome = await train({
      model: project.model,
      data: project.data,
      out: run,
      task: 'embedding',
      settings: { ...settings, lr: 0.02, batch: 12, embeddingSize: 6, perClass: 4, loss },
    });
    expect(outcome.after!.recall1).toBe(1);
    expect(outcome.after!.mapAtR).toBeGreaterThan(0.9);
    const told = await predict({
      task: 'embedding',
      model: run,
      images: [image('red'), image('blue')],
    });
    for (const { embedding } of told) {
      expect(embedding).toHaveLength(6);
      expect(Math.hypot(...embedding)).toBeCloseTo(1, 5);
    }
    const again = await evaluate({ task: 'embedding', model: run, data: project.data });
    expect(again).toMatchObject({ recall1: 1, loss: Number.NaN });
  });
});

describe('settings of tasks', () => {
  test.each([
    [{ task: 'regression', loss: 'cross-entropy' }, /loss cross-entropy is none for regression/],
    [{ task: 'embedding', batch: 10 }, /batch of 10 cannot be made of 4/],
    [{ task: 'multi-label', target: 2 }, /measured from 0 to 1/],
    [{ targets: ['a'] }, /classification reads classes/],
  ] as const)('refuses %j', async (some, message) => {
    const request = { model: project.model, data: project.data, settings: some as object };
    await expect(train(request)).rejects.toThrow(message);
  });
});
