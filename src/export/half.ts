const bits = new Uint32Array(1);
const number = new Float32Array(bits.buffer);

/** Largest finite float16. */
export const MAX_HALF = 65504;

/**
 * The nearest float16 (IEEE 754 binary16), ties to even, as its bits. A float32 has 8 bits of exponent and 23 of fraction, a float16
 * has 5 and 10. Beyond 65520 it is infinite.
 */
export function halfOf(value: number): number {
  number[0] = value;
  const [x] = bits;
  const sign = (x >>> 16) & 0x8000;
  const magnitude = x & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  // Below 2^-14, adding 1/2 leaves multiples of 2^-24, the spacing of float16's subnormals, rounded by the addition itself.
  if (magnitude < 0x38800000) {
    number[0] = Math.abs(value) + 0.5;
    return sign | (bits[0] - 0x3f000000);
  }
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  const odd = (magnitude >>> 13) & 1;
  return sign | ((magnitude - 0x38000000 + 0xfff + odd) >>> 13);
}
