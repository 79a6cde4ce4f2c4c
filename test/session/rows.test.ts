import { expect, test } from 'vitest';
import { nodeRuntime } from '../../src/runtime/node/sessions.ts';
import { prepareModel } from '../../src/session/index.ts';
import { ints, smallModel, weights } from '../small-models.ts';

test('scores of only one sample, for any batch size, are refused before training', async () => {
  const model = smallModel({
    inputs: { x: ['batch', 4] },
    outputs: { y: [1, 3] },
    initializers: { first: ints(0), 'fc.weight': weights([3, 4]) },
    nodes: [
      ['Gather', ['x', 'first'], ['one']],
      ['Gemm', ['one', 'fc.weight'], ['y'], { transB: 1 }],
    ],
  });
  await expect(prepareModel(model, nodeRuntime())).rejects.toMatchObject({
    code: 'bad-model',
    message: 'the scores "y" are [1, 3], which is not a row for each sample of a batch',
  });
});

test('scores of each token are refused before training', async () => {
  const model = smallModel({
    inputs: { x: ['batch', 'length', 4] },
    outputs: { y: ['batch', 'length', 3] },
    initializers: { 'fc.weight': weights([4, 3]) },
    nodes: [['MatMul', ['x', 'fc.weight'], ['y']]],
  });
  await expect(prepareModel(model, nodeRuntime())).rejects.toMatchObject({
    code: 'bad-model',
    message: expect.stringContaining('which is not a row for each sample'),
  });
});
