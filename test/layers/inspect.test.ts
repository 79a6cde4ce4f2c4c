import { expect, test } from 'vitest';
import { inspect, inspectionTable } from '../../src/layers/index.ts';
import { readModel } from '../../src/onnx/index.ts';
import { nodeRuntime } from '../../src/runtime/node/sessions.ts';
import { inferShapes } from '../../src/shapes/index.ts';
import { loadNetwork } from '../reference.ts';
import { smallModel, tensor, weights } from '../small-models.ts';

const runtime = nodeRuntime();

const small = smallModel({
  inputs: { image: ['N', 3, 4, 4] },
  outputs: { logits: ['N', 5] },
  initializers: {
    'stem.weight': weights([2, 3, 1, 1]),
    k: tensor('int64', [1], () => 8),
    keep: tensor('bool', [8], () => 1),
    'fc.weight': weights([5, 8]),
    'fc.bias': weights([5]),
  },
  nodes: [
    ['Conv', ['image', 'stem.weight'], ['maps'], {}, 'stem/Conv'],
    ['Flatten', ['maps'], ['flat']],
    ['TopK', ['flat', 'k'], ['most', 'where']],
    ['Compress', ['most', 'keep'], ['best'], { axis: 1 }, 'best of eight'],
    ['Gemm', ['best', 'fc.weight', 'fc.bias'], ['logits'], { transB: 1 }, 'fc/Gemm'],
  ],
});

test('says what can be trained, by the names that people know', async () => {
  const inspection = inspect(small, await inferShapes(small, runtime));
  expect(inspection).toMatchObject({
    inputs: [{ name: 'image', type: 'float32', shape: ['batch', 3, 4, 4] }],
    parameters: 6 + 40 + 5,
    groups: [
      { name: 'stem', parameters: ['stem.weight'], count: 6 },
      { name: 'fc', parameters: ['fc.weight', 'fc.bias'], count: 45 },
    ],
    head: { kind: 'gemm', features: 8, classes: 5 },
    batchNorm: 'none',
    plan: [{ train: 'head' }, { train: 'all' }],
  });
  expect(inspection.unsupported).toContainEqual({ operator: 'Compress', node: 'best of eight' });
  expect(JSON.parse(JSON.stringify(inspection))).toEqual(inspection);

  const table = inspectionTable(inspection);
  for (const text of [
    /^fc +2 +45$/m,
    /Compress best of eight/,
    /fc\/Gemm: 8 features, 5 classes/,
    /head for \d+ epochs, then all/,
  ])
    expect(table).toMatch(text);
});

test.each([
  ['resnet18-kept', 'kept'],
  ['resnet18-folded', 'folded'],
] as const)('%s has its batch norm %s, and needs more memory the more is trained', async (network, state) => {
  const model = readModel(loadNetwork(network).model);
  const { batchNorm, memory, unsupported, parameters } = inspect(model, await inferShapes(model, runtime));
  expect(batchNorm).toBe(state);
  expect(memory.head).toBeGreaterThan(4 * parameters);
  expect(memory.all).toBeGreaterThan(16 * parameters);
  expect(unsupported).toEqual([]);
});
