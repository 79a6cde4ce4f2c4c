import { describe, expect, test } from 'vitest';
import { differentiate } from '../../../src/compiler/autodiff/index.ts';
import { GraphBuilder, type Value } from '../../../src/onnx/index.ts';
import { clipped, quantization, titleOf, unknownScale } from './cases/quantization.ts';
import { compareGradients } from './check.ts';

describe('the gradient passes through rounding unless the value is clipped', () => {
  test.each(quantization.map((row) => [titleOf(row), row] as const))('%s', async (title, row) => {
    const comparisons = await compareGradients(clipped(row), title);
    expect(comparisons.map(({ input }) => input)).toEqual(['x']);
    for (const { precision, error, tolerance } of comparisons) {
      expect(precision).toBe('double');
      expect(error).toBeLessThan(tolerance);
    }
  });
});

test('differentiation refuses a scale that is unknown at compile time', async () => {
  await expect(compareGradients(unknownScale(), 'scale')).rejects.toThrow(/"scale" is not known when compiling/);
});

describe('differentiation refuses operations without a gradient, instead of assuming zero', () => {
  const quantized = (b: GraphBuilder, x: Value, scale: Value) =>
    b.emit('QuantizeLinear', [x, scale, b.scalar(0, 'int8')], [{ type: 'int8', shape: x.shape }])[0];
  const dequantized = (b: GraphBuilder, q: Value, scale: Value) =>
    b.emit('DequantizeLinear', [q, scale], [{ type: 'float32', shape: q.shape }])[0];

  test('an operator on integers', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [2, 3]);
    const scale = b.scalar(0.5, 'float32');
    const y = dequantized(b, b.transpose(quantized(b, x, scale), [1, 0]), scale);
    expect(() => differentiate(b, b.reduceSum(y), ['x'])).toThrow(/^Transpose node .* it computes with integers/);
  });

  test.each(['QuantizeLinear', 'DequantizeLinear'])('the scale of %s', (op) => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [2, 3]);
    const [fixed, trained] = [b.scalar(0.5, 'float32'), b.input('scale', 'float32', [])];
    const q = quantized(b, x, op === 'QuantizeLinear' ? trained : fixed);
    const y = dequantized(b, q, op === 'DequantizeLinear' ? trained : fixed);
    expect(() => differentiate(b, b.reduceSum(y), ['scale'])).toThrow(
      new RegExp(`^${op} node .* its scale depends on trainable parameters`),
    );
  });
});
