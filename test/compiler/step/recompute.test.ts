import { expect, test } from 'vitest';
import { inferShapes } from '../../../src/compiler/shapes/index.ts';
import { PLAN_DEFAULTS, trainingModel } from '../../../src/compiler/step/index.ts';
import { type Model, readsOf, tensor, writeModel } from '../../../src/onnx/index.ts';
import { machineOf } from '../../../src/runtime/index.ts';
import { nodeRuntime } from '../../../src/runtime/node/sessions.ts';
import { smallModel, weights } from '../../small-models.ts';

const initializers = {
  w: weights([32, 3, 3, 3], 1),
  v: weights([32, 32, 3, 3], 2),
  norm: weights([32], 3),
  shift: weights([32], 4),
  mean: weights([32], 5),
  variance: tensor('float32', [32], new Float32Array(32).fill(1)),
  u: weights([32, 4], 6),
};
const padded = { kernel_shape: [3, 3], pads: [1, 1, 1, 1] };
const trainable = new Set(['w', 'v', 'norm', 'shift', 'u']);

/** Two convolutions, each followed by x·tanh(x), then a normalization of a sum, then a classifier. */
const model = smallModel({
  opset: 18,
  inputs: { x: ['N', 3, 8, 8] },
  outputs: { y: ['N', 4] },
  initializers,
  nodes: [
    ['Conv', ['x', 'w'], ['a'], padded],
    ['Tanh', ['a'], ['s']],
    ['Mul', ['a', 's'], ['b']],
    ['Conv', ['b', 'v'], ['c'], padded],
    ['Add', ['b', 'c'], ['d']],
    ['BatchNormalization', ['d', 'norm', 'shift', 'mean', 'variance'], ['e']],
    ['HardSwish', ['e'], ['f']],
    ['GlobalAveragePool', ['f'], ['g']],
    ['Flatten', ['g'], ['h']],
    ['MatMul', ['h', 'u'], ['y']],
  ],
});
const runtime = nodeRuntime();

async function gradientsOf(graph: Model) {
  const session = await runtime.load(writeModel(graph));
  const results = await session.run({
    ...Object.fromEntries([...trainable].map((name) => [name, initializers[name as 'w']])),
    x: weights([5, 3, 8, 8], 7),
    labels: tensor('int64', [5], BigInt64Array.of(0n, 1n, 2n, 3n, 0n)),
  });
  await session.release();
  return Object.fromEntries([...trainable].map((name) => [name, results[`${name}.grad`].data]));
}

const readers = ({ graph }: Model, name: string) => graph.nodes.filter((node) => readsOf(node).includes(name)).length;

test.each(['standard', 'blocked'])('recomputation changes no bit of a gradient (%s layout)', async (layout) => {
  const network = await inferShapes(model, runtime);
  const block = layout === 'blocked' ? (await machineOf(runtime)).block : undefined;
  const compiled = (recompute: boolean) =>
    trainingModel(network, { ...PLAN_DEFAULTS, trainable, output: 'y', recompute }, { block });
  const gradients = await gradientsOf(compiled(true));
  expect(gradients).toEqual(await gradientsOf(compiled(false)));
  expect((gradients.w as Float32Array).some((value) => value !== 0)).toBe(true);
});

test('the backward pass reads no activation that it can compute', async () => {
  const network = await inferShapes(model, runtime);
  const plan = { ...PLAN_DEFAULTS, trainable, output: 'y' };
  const kept = trainingModel(network, plan);
  const recomputed = trainingModel(network, { ...plan, recompute: true });
  // x·tanh(x) reads tanh(a). If tanh(a) is kept, its gradient and the product's gradient read it as well.
  expect(readers(kept, 's')).toBeGreaterThan(1);
  expect(readers(recomputed, 's')).toBe(1);
  expect(recomputed.graph.nodes.filter(({ op }) => op === 'Tanh')).toHaveLength(2);
  expect(kept.graph.nodes.filter(({ op }) => op === 'Tanh')).toHaveLength(1);
});
