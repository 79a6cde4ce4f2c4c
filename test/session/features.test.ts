import { expect, test } from 'vitest';
import type { Batch, BatchSource } from '../../src/data/index.ts';
import type { Tensor } from '../../src/onnx/index.ts';
import { nodeRuntime } from '../../src/runtime/node/sessions.ts';
import { FeatureExtractor, featureRows, withFeatures } from '../../src/session/index.ts';
import { smallModel, tensor, weights } from '../small-models.ts';

const images = weights([3, 3, 4, 4], 5);

const once = (image: Tensor): BatchSource => ({
  length: 3,
  async *batches(): AsyncGenerator<Batch> {
    yield { inputs: [image], labels: new BigInt64Array(3), indices: [2, 0, 1] };
  },
});

/** The mean of each channel of each image. */
const means = Array.from({ length: 9 }, (_, row) => {
  const values = [...(images.data as Float32Array)].slice(row * 16, (row + 1) * 16);
  return values.reduce((a, b) => a + b, 0) / 16;
});

const heads = {
  dense: smallModel({
    inputs: { x: ['N', 3, 4, 4] },
    outputs: { logits: ['N', 5] },
    initializers: { w: weights([5, 3]) },
    nodes: [
      ['GlobalAveragePool', ['x'], ['pooled']],
      ['Flatten', ['pooled'], ['flat']],
      ['Gemm', ['flat', 'w'], ['logits'], { transB: 1 }],
    ],
  }),
  'a convolution before the pooling': smallModel({
    inputs: { x: ['N', 3, 4, 4] },
    outputs: { logits: ['N', 5] },
    initializers: { w: weights([5, 3, 1, 1]) },
    nodes: [
      ['Relu', ['x'], ['positive']],
      ['Sub', ['x', 'positive'], ['negative']],
      ['Add', ['positive', 'negative'], ['same']],
      ['Conv', ['same', 'w'], ['maps']],
      ['GlobalAveragePool', ['maps'], ['pooled']],
      ['Flatten', ['pooled'], ['logits']],
    ],
  }),
};

test.each(Object.entries(heads))('the features of a head: %s', async (_, model) => {
  const files = { name: 'm', source: 'm', preprocessing: { size: { height: 4, width: 4 } } };
  const extractor = await FeatureExtractor.open({ model, files }, { runtime: nodeRuntime() });
  expect(extractor.size).toBe(3);
  for await (const { features, indices } of extractor.batches(once(images))) {
    expect(indices).toEqual([2, 0, 1]);
    expect([...features]).toEqual(means.map((mean) => expect.closeTo(mean, 5)));
  }
  await extractor.release();
});

test('the features are another output, once', () => {
  const first = withFeatures(heads.dense);
  const again = withFeatures(first.model);
  expect(again.model.graph.outputs.map(({ name }) => name)).toEqual(['logits', 'flat']);
  expect(again.layout).toEqual({ name: 'flat', size: 3, channelsFirst: false });
});

test('tokens are averaged', () => {
  const tokens = tensor('float32', [1, 2, 3], (i) => i);
  expect([...featureRows(tokens, { name: 't', size: 3, channelsFirst: false })]).toEqual([1.5, 2.5, 3.5]);
});
