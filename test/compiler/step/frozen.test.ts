import { expect, test } from 'vitest';
import { inferShapes } from '../../../src/compiler/shapes/index.ts';
import { frozenModel, PLAN_DEFAULTS, sizesModel } from '../../../src/compiler/step/index.ts';
import { type Model, writeModel } from '../../../src/onnx/index.ts';
import { nodeRuntime } from '../../../src/runtime/node/sessions.ts';
import { smallModel, tensor, weights } from '../../small-models.ts';

const runtime = nodeRuntime('cpu', { intraOpNumThreads: 1 });

/** A reshape to a shape that the exporter reads from an inner value, as PyTorch does for the heads of attention. */
const model = smallModel({
  inputs: { x: ['batch', 5, 4] },
  outputs: { y: ['batch', 'n', 3] },
  initializers: {
    'frozen.weight': weights([4, 6], 1),
    'head.weight': weights([3, 3], 2),
    zero: tensor('int64', [], () => 0),
    first: tensor('int64', [1], () => 0),
    three: tensor('int64', [1], () => 3),
    ten: tensor('int64', [1], () => 10),
  },
  nodes: [
    ['MatMul', ['x', 'frozen.weight'], ['h']],
    ['Shape', ['h'], ['whole']],
    ['Shape', ['h'], ['last'], { start: -1 }],
    ['Gather', ['whole', 'zero'], ['count'], { axis: 0 }],
    ['Unsqueeze', ['count', 'first'], ['counts']],
    ['Concat', ['counts', 'ten', 'three'], ['shape'], { axis: 0 }],
    ['Reshape', ['h', 'shape'], ['r']],
    ['Flatten', ['r'], ['rows'], { axis: 2 }],
    ['Shape', ['rows'], ['product']],
    ['MatMul', ['r', 'head.weight'], ['y']],
  ],
});

const results = async (given: Model, count: number) => {
  const session = await runtime.load(writeModel(given));
  const found = await session.run({ x: tensor('float32', [count, 5, 4], Math.sin) });
  await session.release();
  return Object.fromEntries(Object.entries(found).map(([name, { data, shape }]) => [name, { data, shape }]));
};

test('values that follow from sizes are computed without weights', async () => {
  const network = await inferShapes(model, runtime);
  const plan = { ...PLAN_DEFAULTS, trainable: new Set(['head.weight']), output: 'y' };
  const value = (name: string) => ({ name, ...network.values.get(name)! });
  const wanted = ['shape', 'whole', 'last', 'product'].map(value);
  const direct = frozenModel(network, plan, [value('x')], wanted)!;
  const alone = sizesModel(network, plan, wanted)!;
  expect([...direct.graph.initializers.keys()]).toContain('frozen.weight');
  expect([...alone.graph.initializers.keys()]).not.toContain('frozen.weight');
  expect(alone.graph.nodes.map(({ op }) => op)).not.toContain('MatMul');
  for (const count of [1, 7]) {
    const found = await results(alone, count);
    expect(found).toEqual(await results(direct, count));
    expect(found.product.data).toEqual(BigInt64Array.of(BigInt(10 * count), 3n));
  }
});
