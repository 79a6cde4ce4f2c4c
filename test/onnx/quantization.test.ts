import { describe, expect, test } from 'vitest';
import { dequantized, type Quantization, quantized, writeModel } from '../../src/onnx/index.ts';
import { Random } from '../../src/random.ts';
import { nodeRuntime } from '../../src/runtime/node/sessions.ts';
import { smallModel, tensor } from '../small-models.ts';

const CASES: readonly Quantization[] = [
  { type: 'int8', scale: [0.01], zero: [0], axis: 1 },
  { type: 'uint8', scale: [0.0131], zero: [117], axis: 1 },
  { type: 'int8', scale: [0.01, 0.003, 0.5], zero: [0, -20, 33], axis: 1 },
  { type: 'uint8', scale: [0.01, 0.3], zero: [0, 255], axis: 0 },
  { type: 'int8', scale: [0.02, 0.01, 0.03, 0.04, 0.25], zero: [0, 1, 2, 3, 4], axis: 2 },
  { type: 'int16', scale: [0.0001], zero: [0], axis: 1 },
  { type: 'uint16', scale: [0.0001, 0.00003], zero: [40000, 3], axis: 0 },
  { type: 'int32', scale: [0.0001, 0.25], zero: [0, 0], axis: 0 },
];
const SHAPE = [2, 3, 5];

describe.each(CASES)('quantization matches ONNX Runtime: %o', ({ type, scale: scales, zero, axis }) => {
  const scale = scales.map(Math.fround);
  const quantization = { type, scale, zero, axis };
  const each = scale.length === 1 ? [] : [scale.length];
  const random = new Random(3, type);
  // Ties, clipped values, and others.
  const x = tensor('float32', SHAPE, (i) => (i % 3 === 0 ? (i - 14.5) * scale[0] : random.between(-4, 4)));
  const run = async (op: string, contents: typeof x) => {
    const model = smallModel({
      opset: 21,
      inputs: { x: SHAPE },
      outputs: {},
      types: { x: contents.type },
      initializers: {
        scale: tensor('float32', each, (i) => scale[i]),
        zero: tensor(type, each, (i) => zero[i]),
      },
      nodes: [[op, ['x', 'scale', 'zero'], ['y'], { axis }]],
    });
    model.graph.outputs = [{ name: 'y' }];
    const session = await nodeRuntime().load(writeModel(model));
    const { y } = await session.run({ x: contents });
    await session.release();
    return { ...y, data: Array.from(y.data as Int8Array) };
  };
  const plain = (contents: typeof x) => ({ ...contents, data: Array.from(contents.data as Int8Array) });

  // ONNX Runtime has no kernel that rounds to int32.
  if (type !== 'int32')
    test('rounds to integers', async () => {
      expect(plain(quantized(x, quantization))).toEqual(await run('QuantizeLinear', x));
    });

  test('converts to floats, and back to the same integers', async () => {
    const whole = quantized(x, quantization);
    const floats = dequantized(whole, quantization);
    expect(plain(floats)).toEqual(await run('DequantizeLinear', whole));
    expect(quantized(floats, quantization)).toEqual(whole);
  });
});

test('clips values outside the range, and rounds ties to even', () => {
  const values = [-1e9, -129, -128.5, -127.5, -0.5, 0.5, 1.5, 126.5, 127.5, 1e9];
  const { data } = quantized(
    tensor('float32', [values.length], (i) => values[i]),
    { type: 'int8', scale: [1], zero: [0], axis: 0 },
  );
  expect(Array.from(data as Int8Array)).toEqual([-128, -128, -128, -128, 0, 0, 2, 126, 127, 127]);
});
