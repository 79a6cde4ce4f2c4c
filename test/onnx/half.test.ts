import { describe, expect, test } from 'vitest';
import { type HalfType, halfOf, narrowed, numberOfHalf, widened } from '../../src/onnx/half.ts';

const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
const isNumber = (type: HalfType) => (half: number) =>
  type === 'float16'
    ? (half & 0x7c00) !== 0x7c00 || (half & 0x3ff) === 0
    : !Number.isNaN(widened(one(type, half)).data[0]);
const one = (type: HalfType, half: number) => ({ type, shape: [1], data: Uint16Array.of(half) });

describe.each(['float16', 'bfloat16'] as const)('%s', (type) => {
  test('every number survives a round trip through float32', () => {
    const halves = all.filter(isNumber(type));
    const wide = widened({ type, shape: [halves.length], data: halves });
    expect(wide.type).toBe('float32');
    expect(narrowed(wide, type)).toEqual({ type, shape: [halves.length], data: halves });
  });

  test('NaN stays NaN', () => {
    const [back] = narrowed({ type: 'float32', shape: [1], data: Float32Array.of(Number.NaN) }, type)
      .data as Uint16Array;
    expect(widened(one(type, back)).data[0]).toBeNaN();
  });
});

test('float16 has the values of the standard', () => {
  for (const [half, value] of [
    [0x3c00, 1],
    [0xc000, -2],
    [0x7bff, 65504],
    [0x0400, 2 ** -14],
    [0x0001, 2 ** -24],
    [0x03ff, 1023 * 2 ** -24],
    [0x3555, 0.333251953125],
    [0xfc00, Number.NEGATIVE_INFINITY],
    [0x8000, -0],
  ])
    expect(numberOfHalf(half)).toBe(value);
});

test('bfloat16 is the upper half of a float32, rounded to nearest, ties to even', () => {
  const round = (value: number) =>
    (narrowed({ type: 'float32', shape: [1], data: Float32Array.of(value) }, 'bfloat16').data as Uint16Array)[0];
  expect(round(1)).toBe(0x3f80);
  expect(round(1 + 2 ** -8)).toBe(0x3f80);
  expect(round(1 + 3 * 2 ** -8)).toBe(0x3f82);
  expect(round(1 + 2 ** -8 + 2 ** -20)).toBe(0x3f81);
  expect(round(-3.4e38)).toBe(0xff80);
  expect(halfOf(1)).toBe(0x3c00);
});
