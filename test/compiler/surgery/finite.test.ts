import { expect, test } from 'vitest';
import { checkWeights } from '../../../src/compiler/surgery/index.ts';
import { halfOf, type Tensor } from '../../../src/onnx/index.ts';
import { type NodeLine, smallModel, tensor, tensorAttribute, weights } from '../../small-models.ts';

/** A classifier with a mask, and one of its tensors replaced. */
function model(replaced: Readonly<Record<string, Tensor>> = {}, nodes: readonly NodeLine[] = []) {
  return smallModel({
    inputs: { x: ['N', 4] },
    outputs: { logits: ['N', 3] },
    initializers: {
      mask: tensor('float32', [4], (i) => (i > 1 ? Number.NEGATIVE_INFINITY : i / 3)),
      bound: tensor('float32', [], () => Number.POSITIVE_INFINITY),
      'block.weight': weights([4, 4]),
      'fc.weight': weights([4, 3]),
      ...replaced,
    },
    nodes: [
      ['Add', ['x', 'mask'], ['masked']],
      ['Softmax', ['masked'], ['p']],
      ['MatMul', ['p', 'block.weight'], ['h']],
      ['Clip', ['h', '', 'bound'], ['c']],
      ...nodes,
      ['MatMul', ['c', 'fc.weight'], ['logits']],
    ],
  });
}

const spoiled = (type: 'float32' | 'float64', ...values: readonly number[]) =>
  tensor(type, [4, 4], (i) => values[i] ?? i);

test('a model passes with finite weights, and with infinities in masks and bounds', () => {
  expect(() => checkWeights(model())).not.toThrow();
});

test.each<[string, Parameters<typeof model>, string]>([
  ['NaN', [{ 'block.weight': spoiled('float32', 0, Number.NaN, Number.NaN) }], '"block.weight" has 2 NaN among its 16'],
  ['float64', [{ 'block.weight': spoiled('float64', Number.NaN) }], '"block.weight" has 1 NaN among its 16 values'],
  [
    'infinities',
    [{ 'block.weight': spoiled('float32', Number.NEGATIVE_INFINITY, Number.NaN, Number.POSITIVE_INFINITY) }],
    '"block.weight" has 1 NaN and 2 infinite among its 16 values',
  ],
  [
    'several parameters',
    [{ 'block.weight': spoiled('float32', Number.POSITIVE_INFINITY), mask: spoiled('float32', Number.NaN) }],
    'parameter "mask" has 1 NaN among its 16 values (1 other parameter is no better)',
  ],
  [
    'float16',
    [
      {
        'block.weight': { type: 'float16', shape: [2, 2], data: Uint16Array.of(0x7c00, halfOf(Number.NaN), 1, 0xfc00) },
      },
    ],
    '"block.weight" has 1 NaN and 2 infinite among its 4 values',
  ],
  [
    'bfloat16',
    [{ 'block.weight': { type: 'bfloat16', shape: [2, 2], data: Uint16Array.of(0x7f80, 0x7fc0, 1, 0x7f7f) } }],
    '"block.weight" has 1 NaN and 1 infinite among its 4 values',
  ],
  [
    'a Constant node',
    [{}, [['Constant', [], ['late'], { value: tensorAttribute(spoiled('float32', Number.NaN)) }]]],
    '"late" has 1 NaN among its 16 values',
  ],
])('%s', (_, parts, message) => {
  expect(() => checkWeights(model(...parts))).toThrow(message);
});
