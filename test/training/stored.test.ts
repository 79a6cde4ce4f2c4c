import { beforeAll, describe, expect, it } from 'vitest';
import { fromStored, storable, storedShape, toStored } from '../../src/compiler/kernels/index.ts';
import { type Inference, inferShapes } from '../../src/compiler/shapes/index.ts';
import { PLAN_DEFAULTS, stepModels, type TrainingPlan } from '../../src/compiler/step/index.ts';
import type { Batch } from '../../src/data/index.ts';
import { GraphBuilder } from '../../src/onnx/index.ts';
import { machineOf, type Runtime } from '../../src/runtime/index.ts';
import { classification, type TaskOutcome } from '../../src/tasks/index.ts';
import { CompiledStage, type StageOptions } from '../../src/training/index.ts';
import { smallModel, tensor, weights } from '../small-models.ts';
import { runtime } from './network.ts';

const SIDE = 20;
const CLASSES = ['a', 'b', 'c'];
/** The same runtime, but it does not announce its blocks. */
const plain: Runtime = { device: 'standard', load: (model, options) => runtime.load(model, options) };

const FILTERS = {
  'deep.weight': [32, 32, 3, 3],
  'strided.weight': [64, 32, 3, 3],
  'small.weight': [32, 64, 3, 5],
  // In Winograd's form.
  'wide.weight': [128, 128, 3, 3],
};
const STANDARD = [
  'stem.weight',
  'pointwise.weight',
  'more.weight',
  'less.weight',
  'fc.weight',
  'norm.weight',
  'norm.bias',
  'stem.bias',
];

/** Scales weights so that values keep their magnitude from layer to layer. */
function scaled(shape: readonly number[], seed: number) {
  const drawn = weights(shape, seed);
  const inputs = shape.slice(1).reduce((all, d) => all * d, 1);
  return tensor('float32', shape, (i) => ((drawn.data as Float32Array)[i] * 2) / Math.sqrt(inputs));
}

/** Convolutions over large and small maps, some with strides, one before a normalization. */
function network(): Promise<Inference> {
  const conv = (name: string, x: string, y: string, attributes: Record<string, number[]>) =>
    ['Conv', [x, `${name}.weight`], [y], attributes, `/${name}/Conv`] as const;
  const model = smallModel({
    opset: 18,
    inputs: { pixel_values: ['batch', 3, SIDE, SIDE] },
    outputs: { logits: ['batch', CLASSES.length] },
    initializers: {
      'stem.weight': scaled([32, 3, 3, 3], 1),
      'stem.bias': weights([32], 2),
      ...Object.fromEntries(Object.entries(FILTERS).map(([name, shape], i) => [name, scaled(shape, 3 + i)])),
      'pointwise.weight': scaled([32, 64, 1, 1], 7),
      'more.weight': scaled([128, 64, 1, 1], 11),
      'less.weight': scaled([64, 128, 1, 1], 12),
      'norm.weight': tensor('float32', [32], (i) => 0.5 + i / 40),
      'norm.bias': weights([32], 8),
      'norm.mean': weights([32], 9),
      'norm.var': tensor('float32', [32], (i) => 0.4 + i / 30),
      'fc.weight': scaled([CLASSES.length, 32], 10),
    },
    nodes: [
      ['Conv', ['pixel_values', 'stem.weight', 'stem.bias'], ['x0'], { pads: [1, 1, 1, 1] }, '/stem/Conv'],
      ['Relu', ['x0'], ['x1'], {}, '/stem/Relu'],
      conv('deep', 'x1', 'x2', { pads: [1, 1, 1, 1] }),
      ['BatchNormalization', ['x2', 'norm.weight', 'norm.bias', 'norm.mean', 'norm.var'], ['x3'], {}, '/norm'],
      ['Relu', ['x3'], ['x4'], {}, '/deep/Relu'],
      ['Add', ['x4', 'x1'], ['x5'], {}, '/Add'],
      conv('strided', 'x5', 'x6', { strides: [2, 2], pads: [1, 1, 1, 1] }),
      conv('more', 'x6', 'y0', {}),
      conv('wide', 'y0', 'y1', { pads: [1, 1, 1, 1] }),
      ['Relu', ['y1'], ['y2'], {}, '/wide/Relu'],
      conv('less', 'y2', 'y3', {}),
      ['Add', ['x6', 'y3'], ['y4'], {}, '/Add_wide'],
      ['MaxPool', ['y4'], ['x7'], { kernel_shape: [2, 2], strides: [2, 2] }, '/pool'],
      conv('small', 'x7', 'x8', { pads: [1, 2, 1, 2] }),
      conv('pointwise', 'x7', 'x9', {}),
      ['Add', ['x8', 'x9'], ['x10'], {}, '/Add_1'],
      ['Relu', ['x10'], ['x11'], {}, '/small/Relu'],
      ['GlobalAveragePool', ['x11'], ['x12'], {}, '/average'],
      ['Flatten', ['x12'], ['x13'], {}, '/Flatten'],
      ['Gemm', ['x13', 'fc.weight'], ['logits'], { transB: 1 }, '/fc/Gemm'],
    ],
  });
  return inferShapes(model, runtime);
}

const plan: TrainingPlan = {
  ...PLAN_DEFAULTS,
  trainable: new Set([...Object.keys(FILTERS), ...STANDARD]),
  output: 'logits',
  optimizer: 'adamw',
  // Large, so that rounding does not decide the sign of a step.
  optimizerOptions: { epsilon: 1e-2, weightDecay: 0.1 },
};

const batch = (step: number): Batch => ({
  inputs: [tensor('float32', [4, 3, SIDE, SIDE], (i) => Math.sin(i * 0.7 + step))],
  labels: BigInt64Array.of(0n, 1n, 2n, 1n),
  indices: [0, 1, 2, 3],
});

const largest = (values: readonly number[]) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

/** The state after three updates, and the losses. */
async function trained(on: Runtime, own: Partial<TrainingPlan>, options: Partial<StageOptions<TaskOutcome>>) {
  const stage = await CompiledStage.compile({
    network: await network(),
    plan: { ...plan, ...own },
    task: classification(CLASSES),
    runtime: on,
    seed: 0,
    ...options,
  });
  const losses: number[] = [];
  for (let step = 1; step <= 3; step++) {
    for (let part = 0; part < (own.accumulate ? 2 : 1); part++) {
      const [{ loss }] = await stage.train([{ batch: batch(10 * step + part), lr: 0.01, step, part }]);
      losses.push(loss);
    }
    await stage.update({ lr: 0.01, step });
  }
  const source = {
    length: 4,
    async *batches() {
      yield batch(0);
    },
  };
  losses.push((await stage.evaluator.predict(source, 4)).loss);
  const state = await stage.state();
  await stage.release();
  return { losses, state };
}

describe('filters stored in blocks between steps', () => {
  let block: number;
  beforeAll(async () => {
    block = (await machineOf(runtime)).block ?? 0;
    expect(block, 'ONNX Runtime has no blocked layout on this machine').toBeGreaterThan(0);
  });

  const cases: readonly [string, Partial<TrainingPlan>, Partial<StageOptions<TaskOutcome>>?][] = [
    ['AdamW', {}],
    ['SGD with momentum', { optimizer: 'sgd', optimizerOptions: { momentum: 0.9, weightDecay: 0.1 } }],
    ['LAMB, by the norms of whole parameters', { optimizer: 'lamb', optimizerOptions: { epsilon: 1e-2 } }],
    ['gradients clipped by the norm of all', { clip: { norm: 0.5 } }],
    ['gradients clipped by outputs', { clip: { adaptive: 0.01 } }],
    ['penalties', { l2: 0.01, l1: 0.001, l2sp: { alpha: 0.1, beta: 0.1, fresh: new Set(['fc.weight']) } }],
    ['several batches an update', { accumulate: true }],
    ['averages', {}, { averaging: { decay: 0.9, warmup: 'power' } }],
    ['averages of several batches an update', { accumulate: true }, { averaging: { decay: 0.9, warmup: 'power' } }],
    ['activations computed anew', { recompute: true }],
  ];
  it.each(cases)('train as in the standard order, with %s', async (_, own, options = {}) => {
    const [standard, blocked] = [await trained(plain, own, options), await trained(runtime, own, options)];
    blocked.losses.forEach((loss, i) => {
      expect(loss / standard.losses[i]).toBeCloseTo(1, 5);
    });
    expect([...blocked.state.keys()]).toEqual([...standard.state.keys()]);
    for (const [name, { shape, data }] of standard.state) {
      const found = blocked.state.get(name)!;
      expect(found.shape, name).toEqual(shape);
      const [a, e] = [found.data, data].map((values) => Array.from(values as Float32Array, Number));
      const difference = largest(e.map((value, k) => value - a[k]));
      expect(difference / Math.max(1e-6, largest(e)), name).toBeLessThan(2e-4);
    }
    const [moved, initial] = [blocked.state.get('small.weight')!, scaled([32, 64, 3, 5], 5)].map(
      ({ data }) => data as Float32Array,
    );
    expect(Math.max(...moved.map((w, i) => Math.abs(w - initial[i])))).toBeGreaterThan(1e-3);
  });

  it('have several taps and fill their blocks, as does their state; other filters stay in standard order', async () => {
    const kept = async (own: Partial<TrainingPlan>) => [
      ...stepModels(await network(), { ...plan, ...own }, { block }).stored.keys(),
    ];
    const names = Object.keys(FILTERS);
    const stateOf = (...slots: string[]) =>
      names.flatMap((name) => [name, ...slots.map((slot) => `${name}.${slot}`)]).sort();
    expect((await kept({})).sort()).toEqual(stateOf('exp_avg', 'exp_avg_sq', 'grad_sum', 'average'));
    expect((await kept({ optimizer: 'muon' })).sort()).toEqual([]);
    expect((await kept({ optimizer: 'adafactor' })).sort()).toEqual([]);
    expect([...stepModels(await network(), plan, {}).stored.keys()]).toEqual([]);
    const b = new GraphBuilder();
    const filters = ['known', 'unknown'].map((name) => {
      const w = b.input(name, 'float32', [32, 32, 3, 3]);
      const rows = name === 'known' ? [9, 7] : ['rows', 'rows - 2'];
      const [x, y] = rows.map((length) => ['batch', 32, length, 9]);
      b.emit('Conv', [b.input(`${name}.map`, 'float32', x), w], [{ type: 'float32', shape: y }]);
      return w;
    });
    expect(storable(b, filters, 16).map(({ name }) => name)).toEqual(['known']);
  });

  it('are not reordered before a step uses them', async () => {
    const { step } = stepModels(await network(), { ...plan, trainable: new Set(['small.weight']) }, { block });
    const convolutions = step.graph.nodes.filter(({ op }) => op === 'Conv');
    const before = new Map(step.graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
    const isParameter = ({ inputs: [, filter] }: { inputs: readonly string[] }) => {
      const made = before.get(filter);
      return made?.op === 'Reshape' && made.inputs[0] === 'small.weight';
    };
    expect(convolutions.filter(isParameter)).toHaveLength(1);
    expect(step.graph.inputs.find(({ name }) => name === 'small.weight.exp_avg')?.shape).toEqual(
      storedShape([32, 64, 3, 5], block),
    );
  });

  it('survive a round trip', () => {
    const filter = tensor('float32', [32, 48, 2, 3], (i) => i);
    const as = { shape: filter.shape, block: 16 };
    const kept = toStored(filter, as);
    expect(kept.shape).toEqual([2, 3, 6, 16, 16]);
    // Output 17, input 34, tap (1, 2), the sixth tap.
    const place = (((1 * 3 + 2) * 6 + 5) * 16 + 2) * 16 + 1;
    expect((kept.data as Float32Array)[place]).toBe(((17 * 48 + 34) * 2 + 1) * 3 + 2);
    expect(fromStored(kept, as)).toEqual(filter);
  });
});
