import { expect, test } from 'vitest';
import { inspectionTable } from '../../../src/cli/terminal/inspection.ts';
import { inferShapes } from '../../../src/compiler/shapes/index.ts';
import { inspect } from '../../../src/compiler/surgery/index.ts';
import { readModel } from '../../../src/onnx/index.ts';
import { nodeRuntime } from '../../../src/runtime/node/sessions.ts';
import { loadNetwork } from '../../reference.ts';
import { smallModel, throughSequence, weights } from '../../small-models.ts';

const runtime = nodeRuntime();

const small = smallModel({
  inputs: { image: ['N', 3, 4, 4] },
  outputs: { logits: ['N', 5] },
  initializers: {
    'stem.weight': weights([8, 3, 1, 1]),
    'fc.weight': weights([5, 8]),
    'fc.bias': weights([5]),
  },
  nodes: [
    ['Conv', ['image', 'stem.weight'], ['maps'], {}, 'stem/Conv'],
    ...throughSequence('maps', 'volumes', 'joined'),
    ['Gemm', ['volumes', 'fc.weight', 'fc.bias'], ['logits'], { transB: 1 }, 'fc/Gemm'],
  ],
});

test('inspection lists the trainable layers under familiar names', async () => {
  const inspection = inspect(small, await inferShapes(small, runtime));
  expect(inspection).toMatchObject({
    inputs: [{ name: 'image', type: 'float32', shape: ['batch', 3, 4, 4] }],
    parameters: 24 + 40 + 5,
    groups: [
      { name: 'stem', parameters: ['stem.weight'], count: 24 },
      { name: 'fc', parameters: ['fc.weight', 'fc.bias'], count: 45 },
    ],
    head: { kind: 'gemm', features: 8, classes: 5 },
    batchNorm: 'none',
    unsupported: [{ operator: 'ConcatFromSequence', node: 'joined', why: 'there is no rule for ConcatFromSequence' }],
    trainable: 'head',
    plan: [{ train: 'head' }],
  });
  expect(JSON.parse(JSON.stringify(inspection))).toEqual(inspection);

  expect(inspectionTable({ ...inspection, kind: null, memory: null })).not.toContain('memory');
  const memory = { batch: 4, head: 3e8, all: 3e8 };
  const table = inspectionTable({
    ...inspection,
    kind: { name: 'detector', why: 'by name', hint: 'Choose another' },
    memory,
  });
  for (const text of [
    /^fc +2 +45$/m,
    /^model +detector \(by name\)\. Choose another$/m,
    /Thaw can train at most --trainable head:\n +ConcatFromSequence joined/,
    /fc\/Gemm: 8 features, 5 classes/,
    /^memory +about 300 MB for the head \(batch 4\)/m,
    /head for \d+ epochs$/m,
  ])
    expect(table).toMatch(text);
  expect(table).toContain('Fewer images get up to 30 epochs');
  expect(inspectionTable({ ...inspection, kind: null, memory, samples: 8 })).not.toContain('Fewer images');
});

test.each([
  ['resnet18-kept', 'kept'],
  ['resnet18-folded', 'folded'],
] as const)('%s has its batch norm %s', async (network, state) => {
  const model = readModel(loadNetwork(network).model);
  const { batchNorm, unsupported, trainable } = inspect(model, await inferShapes(model, runtime));
  expect(batchNorm).toBe(state);
  expect(unsupported).toEqual([]);
  expect(trainable).toBe('all');
});
