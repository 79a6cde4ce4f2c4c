import { expect, test } from 'vitest';
import { deferredTensor } from '../../src/onnx/index.ts';
import { answerMaps } from '../../src/session/index.ts';
import { prepared, runtime } from '../training/network.ts';

test('large models have no maps, whose gradients would take more memory than the training', async () => {
  const { network } = await prepared();
  const unread = () => {
    throw new Error('the weights were read');
  };
  const bytes = 2 ** 30;
  const large = deferredTensor('float32', [bytes / 4], { length: bytes, read: unread, pieces: unread });
  const { graph, ...rest } = network.model;
  const model = { ...rest, graph: { ...graph, initializers: new Map([...graph.initializers, ['large', large]]) } };
  const reader = { decode: unread } as never;
  await expect(answerMaps(model, [{ file: 'a.png', labels: ['a'] }], { runtime, reader })).rejects.toMatchObject({
    code: 'memory',
    hint: 'Make them with thaw explain',
  });
});
