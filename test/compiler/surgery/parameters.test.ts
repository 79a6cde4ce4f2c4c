import { describe, expect, test } from 'vitest';
import { groupsOf } from '../../../src/compiler/surgery/index.ts';
import { recognize } from '../../../src/compiler/surgery/recognized.ts';
import { deferredTensor, type Tensor } from '../../../src/onnx/index.ts';
import { type NodeLine, smallModel, tensor, weights } from '../../small-models.ts';

/** The parameters of `x · fc.weight`, with some nodes between `h`, the product, and `z`, the input of `head.weight`. */
function parametersOf(initializers: Readonly<Record<string, Tensor>>, ...nodes: NodeLine[]): string[] {
  const model = smallModel({
    opset: 18,
    inputs: { x: ['N', 4], ids: ['N', 4] },
    types: { ids: 'int64' },
    outputs: { y: ['N', 2] },
    initializers: { 'fc.weight': weights([4, 8]), ...initializers, 'head.weight': weights([8, 2], 2) },
    nodes: [['MatMul', ['x', 'fc.weight'], ['h']], ...nodes, ['MatMul', ['z', 'head.weight'], ['y']]],
  });
  const all = groupsOf(model).flatMap(({ parameters }) => parameters);
  return all.filter((name) => name !== 'fc.weight' && name !== 'head.weight');
}

const number = (value: number, shape: readonly number[] = []) => tensor('float32', shape, () => value);
const whole = (...values: number[]) => tensor('int64', [values.length], (i) => values[i]);

describe('every float initializer that gradients reach is a parameter', () => {
  test.each<[what: string, initializers: Record<string, Tensor>, nodes: NodeLine[]]>([
    ['a scalar that is named', { logit_scale: number(2.6593) }, [['Mul', ['h', 'logit_scale'], ['z']]]],
    ['a tensor of one element', { 'gem.p': number(3, [1]) }, [['Pow', ['h', 'gem.p'], ['z']]]],
    [
      'w of 1 + w',
      { w: weights([8]) },
      [
        ['Constant', [], ['one'], { value_float: 1 }],
        ['Add', ['w', 'one'], ['more']],
        ['Mul', ['h', 'more'], ['z']],
      ],
    ],
    [
      'an embedding at constant places',
      { 'pos.weight': weights([9, 8]), places: whole(3) },
      [
        ['Gather', ['pos.weight', 'places'], ['at']],
        ['Add', ['h', 'at'], ['z']],
      ],
    ],
    [
      "an embedding at places of the input's shape",
      { 'pos.weight': weights([9, 8]), zero: whole(0) },
      [
        ['Shape', ['x'], ['sizes'], { start: 1 }],
        ['Slice', ['pos.weight', 'zero', 'sizes'], ['some']],
        ['ReduceMean', ['some'], ['at'], { keepdims: 0 }],
        ['Add', ['h', 'at'], ['z']],
      ],
    ],
    [
      'the direction and the length of a normalized weight',
      { 'v.weight': weights([8, 8]), 'g.weight': weights([8]), axis: whole(0) },
      [
        ['ReduceL2', ['v.weight', 'axis'], ['norm'], { keepdims: 0 }],
        ['Div', ['g.weight', 'norm'], ['ratio']],
        ['Mul', ['v.weight', 'ratio'], ['w']],
        ['MatMul', ['h', 'w'], ['z']],
      ],
    ],
    [
      'a network over constant coordinates',
      {
        'mlp.weight': weights([2, 8]),
        coords: tensor('float32', [9, 2], (i) => (i % 2 ? (i >> 1) % 3 : Math.floor((i >> 1) / 3))),
      },
      [
        ['MatMul', ['coords', 'mlp.weight'], ['bias']],
        ['ReduceMean', ['bias'], ['mean'], { keepdims: 0 }],
        ['Add', ['h', 'mean'], ['z']],
      ],
    ],
  ])('%s', (_, initializers, nodes) => {
    const expected = Object.entries(initializers).filter(([name, { type }]) => type === 'float32' && name !== 'coords');
    expect(parametersOf(initializers, ...nodes)).toEqual(expect.arrayContaining(expected.map(([name]) => name)));
    expect(parametersOf(initializers, ...nodes)).toHaveLength(expected.length);
  });

  test('scale and offset of numeric model inputs, as in a feature tokenizer', () => {
    const model = smallModel({
      inputs: { x: ['N', 4, 1] },
      outputs: { y: ['N', 4, 2] },
      initializers: { 'num.weight': weights([4, 8]), 'num.bias': weights([4, 8]), 'head.weight': weights([8, 2]) },
      nodes: [
        ['Mul', ['x', 'num.weight'], ['scaled']],
        ['Add', ['scaled', 'num.bias'], ['tokens']],
        ['MatMul', ['tokens', 'head.weight'], ['y']],
      ],
    });
    expect(groupsOf(model).flatMap(({ parameters }) => parameters)).toEqual(['num.weight', 'num.bias', 'head.weight']);
  });
});

describe('constants', () => {
  test.each<[what: string, initializers: Record<string, Tensor>, nodes: NodeLine[]]>([
    [
      'a number of the newer exporter',
      { scalar_tensor_default: number(2) },
      [['Div', ['h', 'scalar_tensor_default'], ['z']]],
    ],
    ['a number of the exporter', { val_3: number(0.125) }, [['Mul', ['h', 'val_3'], ['z']]]],
    ['an epsilon', { 'norm/eps': number(1e-5) }, [['Add', ['h', 'norm/eps'], ['z']]]],
    ['an operand of TensorFlow', { 'batchnorm/add/y:0': number(1e-3) }, [['Add', ['h', 'batchnorm/add/y:0'], ['z']]]],
    [
      'one number, repeated, of the exporter',
      { 'onnx::Add_7': number(0, [8]) },
      [['Add', ['h', 'onnx::Add_7'], ['z']]],
    ],
    ['a bound of a ReLU', { Relu6_min__126: number(6) }, [['Min', ['h', 'Relu6_min__126'], ['z']]]],
    [
      'ones and zeros of a normalization that has none of its own',
      { '/norm/Constant_1_output_0': number(1, [8]), '/norm/Constant_2_output_0': number(0, [8]) },
      [['LayerNormalization', ['h', '/norm/Constant_1_output_0', '/norm/Constant_2_output_0'], ['z']]],
    ],
    ['a mask', { bias: tensor('float32', [8], (i) => (i % 3 ? 0 : -100)) }, [['Add', ['h', 'bias'], ['z']]]],
    ['zeros and ones', { attn_mask: tensor('float32', [8], (i) => i % 2) }, [['Mul', ['h', 'attn_mask'], ['z']]]],
    [
      'what only a comparison reads',
      { level: weights([8]) },
      [
        ['Greater', ['h', 'level'], ['over']],
        ['Where', ['over', 'h', 'h'], ['z']],
      ],
    ],
  ])('%s', (_, initializers, nodes) => {
    expect(parametersOf(initializers, ...nodes)).toEqual([]);
  });

  const sinusoid = (rows: number, columns: number) =>
    tensor('float32', [rows, columns], (i) => {
      const [row, column] = [Math.floor(i / columns), i % columns];
      const angle = row / 100 ** ((column - (column % 2)) / columns);
      return column % 2 ? Math.cos(angle) : Math.sin(angle);
    });

  test.each<[string | undefined, Tensor]>([
    ['evenly spaced numbers', tensor('float32', [1, 16, 1, 1], (i) => i)],
    ['a geometric series', tensor('float32', [8], (i) => 10_000 ** (-i / 8))],
    ['a geometric series', tensor('float32', [16], (i) => 10_000 ** (Math.floor(i / 2) / 8))],
    ['sinusoids of positions', sinusoid(20, 16)],
    ['coordinates of a grid', tensor('float32', [16, 2], (i) => (i % 2 ? (i >> 1) % 4 : Math.floor(i / 8)) / 2 - 1)],
    ['a blur', tensor('float32', [3, 1, 3, 3], (i) => ([1, 2, 1][Math.floor((i % 9) / 3)] * [1, 2, 1][i % 3]) / 16)],
    ['a mask', tensor('float32', [4, 4], (i) => (i % 5 ? Number.NEGATIVE_INFINITY : 0))],
    [undefined, weights([20, 16])],
    [undefined, weights([9, 2])],
    [undefined, tensor('float32', [32], () => 1)],
    [undefined, tensor('float32', [20, 16], () => 0)],
    [undefined, tensor('float32', [2], (i) => i)],
    // A learned filter of the same shape.
    [undefined, weights([3, 1, 3, 3])],
  ])('inspection recognizes %s', (expected, contents) => {
    expect(recognize(contents)).toBe(expected);
  });

  test('a bias without elements is not a parameter, because ONNX Runtime treats it as absent', () => {
    const initializers = { 'ln.weight': number(1.5, [8]), 'ln.bias': tensor('float32', [0], () => 0) };
    expect(parametersOf(initializers, ['LayerNormalization', ['h', 'ln.weight', 'ln.bias'], ['z']])).toEqual([
      'ln.weight',
    ]);
  });

  test('a sinusoid that training has changed is a parameter again', () => {
    const moved = sinusoid(20, 16);
    (moved.data as Float32Array)[37] += 0.01;
    expect(recognize(moved)).toBeUndefined();
  });
});

test('large matrices are parameters, and stay in their files', () => {
  const unread = () => {
    throw new Error('the weights were read');
  };
  const large = deferredTensor('float32', [8, 65536], { length: 8 * 65536 * 4, read: unread, pieces: unread });
  const parameters = parametersOf(
    { 'up.weight': large, 'down.weight': weights([65536, 8]) },
    ['MatMul', ['h', 'up.weight'], ['wide']],
    ['MatMul', ['wide', 'down.weight'], ['z']],
  );
  expect(parameters).toEqual(['up.weight', 'down.weight']);
});
