/** Arithmetic on features, `[N, size]` in row order. */
import { ThawError } from '../errors.ts';
import { Random } from '../random.ts';

export interface Features {
  readonly features: Float32Array;
  readonly size: number;
}

/** Features with mean 0 and standard deviation 1. @throws ThawError `bad-data` if one is not finite */
export function standardized({ features, size }: Features): Float32Array {
  const count = features.length / size;
  const means = new Float64Array(size);
  const squares = new Float64Array(size);
  for (let i = 0; i < features.length; i++) means[i % size] += features[i] / count;
  for (let i = 0; i < features.length; i++) squares[i % size] += (features[i] - means[i % size]) ** 2 / count;
  if (!squares.every(Number.isFinite))
    throw new ThawError('bad-data', 'the model computes features that are not finite', 'Use another model');
  // A feature that is always the same tells nothing.
  const factors = squares.map((square) => (square > 1e-12 ? 1 / Math.sqrt(square) : 0));
  return features.map((value, i) => (value - means[i % size]) * factors[i % size]);
}

/** Products with random directions. They keep distances (Johnson and Lindenstrauss, 1984). */
export function projected({ features, size }: Features, to: number, seed: number): Float32Array {
  const random = new Random(seed, 'projection');
  const directions = Float32Array.from({ length: to * size }, () => random.normal() / Math.sqrt(to));
  const count = features.length / size;
  const result = new Float32Array(count * to);
  for (let i = 0; i < count; i++)
    for (let p = 0; p < to; p++) result[i * to + p] = product(features, i * size, directions, p * size, size);
  return result;
}

/** Features of length 1. */
export function normalized({ features, size }: Features): Float32Array {
  const result = new Float32Array(features.length);
  for (let at = 0; at < features.length; at += size) {
    const length = Math.sqrt(product(features, at, features, at, size));
    for (let f = 0; f < size; f++) result[at + f] = length > 0 ? features[at + f] / length : 0;
  }
  return result;
}

/** The scalar product of two rows. Four sums, so that the processor need not wait for each addition. */
export function product(a: ArrayLike<number>, from: number, b: ArrayLike<number>, at: number, size: number): number {
  let [p, q, r, s] = [0, 0, 0, 0];
  let i = 0;
  for (; i + 3 < size; i += 4) {
    p += a[from + i] * b[at + i];
    q += a[from + i + 1] * b[at + i + 1];
    r += a[from + i + 2] * b[at + i + 2];
    s += a[from + i + 3] * b[at + i + 3];
  }
  for (; i < size; i++) p += a[from + i] * b[at + i];
  return p + q + r + s;
}
