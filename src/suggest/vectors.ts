/** Rows of numbers, and their distances. */
import { Random } from '../random.ts';

/** Vectors of one size, row by row. */
export interface Vectors {
  readonly values: Float32Array;
  readonly size: number;
}

export const rowsIn = ({ values, size }: Vectors): number => values.length / size;

export const rowOf = ({ values, size }: Vectors, row: number): Float32Array =>
  values.subarray(row * size, (row + 1) * size);

/** Some of the rows, copied. */
export function rowsOf(vectors: Vectors, rows: readonly number[]): Vectors {
  const { size } = vectors;
  const values = new Float32Array(rows.length * size);
  for (const [n, row] of rows.entries()) values.set(rowOf(vectors, row), n * size);
  return { values, size };
}

/** Squared Euclidean distance. */
export function squaredDistance(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = a[i] - b[i];
    sum += difference * difference;
  }
  return sum;
}

/** Scales a row to the length 1, in place, so that distances compare directions. A row of zeros stays. */
export function normalize(row: Float32Array): void {
  let sum = 0;
  for (let i = 0; i < row.length; i++) sum += row[i] * row[i];
  if (sum === 0) return;
  const scale = 1 / Math.sqrt(sum);
  for (let i = 0; i < row.length; i++) row[i] *= scale;
}

/**
 * A random projection to fewer dimensions, which keeps distances to about √(2 / `to`): 12% for 128 (Johnson and Lindenstrauss, 1984; with random
 * signs: Achlioptas, 2003).
 */
export class Projection {
  private readonly signs: Float32Array;

  constructor(
    private readonly from: number,
    readonly to: number,
    seed = 0,
  ) {
    const random = new Random(seed, 'projection');
    const scale = 1 / Math.sqrt(to);
    this.signs = Float32Array.from({ length: from * to }, () => (random.uint32() & 1 ? scale : -scale));
  }

  /** Projects a row into another one. */
  apply(row: Float32Array, into: Float32Array): void {
    const { from, to, signs } = this;
    for (let j = 0; j < to; j++) {
      let sum = 0;
      for (let i = 0; i < from; i++) sum += row[i] * signs[j * from + i];
      into[j] = sum;
    }
  }
}
