import type { DataType, Tensor, TensorData } from './tensor.ts';

const bits = new Uint32Array(1);
const number = new Float32Array(bits.buffer);

/** Largest finite float16. */
export const MAX_HALF = 65504;

export type HalfType = 'float16' | 'bfloat16';

export const isHalf = (type: DataType | undefined): type is HalfType => type === 'float16' || type === 'bfloat16';

/**
 * The nearest float16 (IEEE 754 binary16), ties to even, as its bits. A float32 has 8 bits of exponent and 23 of fraction, a float16
 * has 5 and 10. Above 65520 it is infinite.
 */
export function halfOf(value: number): number {
  number[0] = value;
  const [x] = bits;
  const sign = (x >>> 16) & 0x8000;
  const magnitude = x & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  // Below 2^-14, adding 1/2 leaves multiples of 2^-24, the spacing of float16's subnormals; the addition itself rounds.
  if (magnitude < 0x38800000) {
    number[0] = Math.abs(value) + 0.5;
    return sign | (bits[0] - 0x3f000000);
  }
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  const odd = (magnitude >>> 13) & 1;
  return sign | ((magnitude - 0x38000000 + 0xfff + odd) >>> 13);
}

/** The number that a float16's bits stand for. */
export function numberOfHalf(half: number): number {
  const magnitude = half & 0x7fff;
  const sign = half & 0x8000 ? -1 : 1;
  if (magnitude < 0x0400) return sign * magnitude * 2 ** -24;
  bits[0] = magnitude >= 0x7c00 ? (magnitude << 13) | 0x7f800000 : (magnitude << 13) + 0x38000000;
  return sign * number[0];
}

/** The nearest bfloat16, ties to even, as its bits: the upper half of a float32. */
export function bfloatOf(value: number): number {
  number[0] = value;
  const [x] = bits;
  if ((x & 0x7fffffff) > 0x7f800000) return (x >>> 16) | 0x40;
  return (x + 0x7fff + ((x >>> 16) & 1)) >>> 16;
}

/** A half tensor as float32, exactly. */
export function widened({ type, shape, data }: Tensor): Tensor {
  const halves = data as Uint16Array;
  if (type === 'float16') return { type: 'float32', shape, data: Float32Array.from(halves, numberOfHalf) };
  const words = Uint32Array.from(halves, (half) => half << 16);
  return { type: 'float32', shape, data: new Float32Array(words.buffer) };
}

/** A float32 tensor in a half type, rounded. */
export function narrowed({ shape, data }: Tensor, type: HalfType): Tensor {
  const round = type === 'float16' ? halfOf : bfloatOf;
  const halves: TensorData = Uint16Array.from(data as Float32Array, round);
  return { type, shape, data: halves };
}
