import { describe, expect, test } from 'vitest';
import { type CompressedForm, compressWeights } from '../../src/export/index.ts';
import { halfOf } from '../../src/onnx/half.ts';
import { bytesOf, type Model, type Tensor, tensor, writeModel } from '../../src/onnx/index.ts';
import { nodeRuntime } from '../../src/runtime/node/sessions.ts';
import { smallModel, weights } from '../small-models.ts';

const runtime = nodeRuntime();
const scaled = ({ shape, data }: Tensor, factor: number): Tensor =>
  tensor(
    'float32',
    shape,
    (data as Float32Array).map((w) => w * factor),
  );

async function run(model: Model, shape: readonly number[]): Promise<Float32Array> {
  const session = await runtime.load(writeModel(model));
  const { y } = await session.run({ x: weights(shape, 9) });
  await session.release();
  return y.data as Float32Array;
}

describe('float16 rounding', () => {
  /** The value of float16 bits, by the standard's definition. */
  const numberOf = (half: number): number => {
    const [sign, exponent, fraction] = [half & 0x8000 ? -1 : 1, (half >> 10) & 31, half & 1023];
    if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
    return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -24 * fraction);
  };

  test('every float16 keeps its value, and ties round to even', () => {
    for (let half = 0; half < 0x7c00; half++) {
      const value = numberOf(half);
      expect(halfOf(value)).toBe(half);
      expect(halfOf(-value)).toBe(half | 0x8000);
      const next = half === 0x7bff ? 65536 : numberOf(half + 1);
      const middle = (value + next) / 2;
      expect(halfOf(middle)).toBe(half % 2 ? half + 1 : half);
      expect(halfOf(Math.fround(middle * (1 - 2 ** -20)))).toBe(half);
      expect(halfOf(Math.fround(middle * (1 + 2 ** -20)))).toBe(half + 1);
    }
  });

  test('values that are not finite stay so', () => {
    expect(numberOf(halfOf(Number.NaN))).toBeNaN();
    expect(halfOf(Number.NEGATIVE_INFINITY)).toBe(0xfc00);
    expect(halfOf(1e30)).toBe(0x7c00);
    expect(halfOf(1e-30)).toBe(0);
  });
});

/** `terms`: number of products in an output's sum. */
const cases: [name: string, model: Model, input: readonly number[], terms: number][] = [
  [
    'Conv',
    smallModel({
      nodes: [['Conv', ['x', 'w', 'b'], ['y']]],
      inputs: { x: ['n', 4, 8, 8] },
      outputs: { y: ['n', 16, 6, 6] },
      initializers: { w: weights([16, 4, 3, 3]), b: weights([16]) },
      opset: 9,
    }),
    [2, 4, 8, 8],
    36,
  ],
  [
    'ConvTranspose',
    smallModel({
      nodes: [['ConvTranspose', ['x', 'w'], ['y']]],
      inputs: { x: ['n', 4, 8, 8] },
      outputs: { y: ['n', 16, 10, 10] },
      initializers: { w: weights([4, 16, 3, 3]) },
    }),
    [2, 4, 8, 8],
    36,
  ],
  [
    'Gemm',
    smallModel({
      nodes: [['Gemm', ['x', 'w', 'b'], ['y'], { transB: 1 }]],
      inputs: { x: ['n', 32] },
      outputs: { y: ['n', 16] },
      initializers: { w: weights([16, 32]), b: weights([16]) },
    }),
    [2, 32],
    32,
  ],
  [
    'MatMul of a Constant node',
    smallModel({
      nodes: [
        ['Constant', [], ['w'], { value: weights([32, 16]) }],
        ['MatMul', ['x', 'w'], ['y']],
      ],
      inputs: { x: ['n', 32] },
      outputs: { y: ['n', 16] },
    }),
    [2, 32],
    32,
  ],
];

describe.each<[CompressedForm, number]>([
  ['fp16', 2 ** -11],
  ['int8', 1 / 254],
])('%s', (form, step) => {
  test.each(cases)('%s: the error of outputs is within that of the weights', async (_, model, shape, terms) => {
    const small = compressWeights(model, form);
    expect(writeModel(small).length).toBeLessThan(writeModel(model).length * (form === 'fp16' ? 0.8 : 0.6));
    const [before, after] = [await run(model, shape), await run(small, shape)];
    const most = Math.max(...before.map((y, i) => Math.abs(y - after[i])));
    // |Σ x·δw| ≤ Σ|x|·|δw|: inputs and weights are at most 1/2, and a weight's error is at most half a step of its channel.
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThan(terms * 0.5 * 0.5 * step + 1e-6);
  });
});

test('each output channel has its own scale', async () => {
  const w = weights([32, 16]);
  const data = (w.data as Float32Array).map((value, i) => (i % 16 === 3 ? 1000 : i % 16 === 5 ? 0 : 1) * value);
  const model = smallModel({
    nodes: [['MatMul', ['x', 'w'], ['y']]],
    inputs: { x: ['n', 32] },
    outputs: { y: ['n', 16] },
    initializers: { w: tensor('float32', [32, 16], data) },
  });
  const [before, after] = [await run(model, [1, 32]), await run(compressWeights(model, 'int8'), [1, 32])];
  for (let c = 0; c < 16; c++) {
    const scale = c === 3 ? 1000 : c === 5 ? 0 : 1;
    expect(Math.abs(before[c] - after[c])).toBeLessThanOrEqual(scale * 32 * 0.25 * (1 / 254));
  }
});

test('sensitive tensors keep their bytes: small tensors, biases, numbers beyond float16', () => {
  const large = scaled(weights([32, 16]), 1e6);
  const initializers = { w: large, bias: weights([512]), few: weights([16, 4]) };
  const model = smallModel({
    nodes: [
      ['MatMul', ['x', 'w'], ['a']],
      ['MatMul', ['a', 'few'], ['y']],
    ],
    inputs: { x: ['n', 32], few: [16, 4] },
    outputs: { y: ['n', 4] },
    initializers,
  });
  const small = compressWeights(model, 'fp16').graph;
  for (const [name, value] of Object.entries(initializers)) {
    expect(bytesOf(small.initializers.get(name)!)).toEqual(bytesOf(value));
  }
  expect(small.nodes).toEqual(model.graph.nodes);
  const depthwise = smallModel({
    nodes: [['Conv', ['x', 'w'], ['y'], { group: 64 }]],
    inputs: { x: ['n', 64, 8, 8] },
    outputs: { y: ['n', 64, 6, 6] },
    initializers: { w: weights([64, 1, 3, 3]) },
  });
  expect(compressWeights(depthwise, 'int8').graph).toEqual(depthwise.graph);
  const quantized = compressWeights(model, 'int8').graph;
  expect([...quantized.initializers.keys()].sort()).toEqual(['bias', 'few', 'w.int8', 'w.scale']);
  expect(quantized.inputs.map(({ name }) => name)).toEqual(['x', 'few']);
});
