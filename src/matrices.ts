/** Linear algebra. Matrices are in row order. */
import { Random } from './random.ts';

export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float64Array;
}

export const zeros = (rows: number, columns: number): Matrix => ({
  rows,
  columns,
  data: new Float64Array(rows * columns),
});

export const row = ({ data, columns }: Matrix, i: number): Float64Array =>
  data.subarray(i * columns, (i + 1) * columns);

export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** y ← y + factor·x */
function add(y: Float64Array, factor: number, x: ArrayLike<number>): void {
  for (let i = 0; i < y.length; i++) y[i] += factor * x[i];
}

/** Rows of a smaller norm count as linearly dependent. All vectors here have a length of about 1. */
const NEGLIGIBLE = 1e-6;

/** Makes the rows orthonormal (modified Gram-Schmidt, twice for precision), without rows that depend on those before. */
export function orthonormalRows(matrix: Matrix): Matrix {
  const kept: Float64Array[] = [];
  for (let i = 0; i < matrix.rows; i++) {
    const next = row(matrix, i).slice();
    const before = Math.sqrt(dot(next, next));
    for (let pass = 0; pass < 2; pass++) for (const other of kept) add(next, -dot(next, other), other);
    const norm = Math.sqrt(dot(next, next));
    if (norm <= NEGLIGIBLE * before || norm === 0) continue;
    kept.push(next.map((value) => value / norm));
  }
  const data = new Float64Array(kept.length * matrix.columns);
  for (const [i, values] of kept.entries()) data.set(values, i * matrix.columns);
  return { rows: kept.length, columns: matrix.columns, data };
}

/** Rounds of the subspace iteration after the first product. More hardly change the subspace: the spectrum of features falls fast. */
const ROUNDS = 2;

/**
 * An orthonormal basis of the `size` directions in which the rows are largest: the first right singular vectors, without their order
 * (subspace iteration; Golub and Van Loan, "Matrix computations", 2013, section 8.2.4). If there are no more than `size` rows, their span.
 */
export function mainDirections(samples: Matrix, size: number, seed: number): Matrix {
  if (samples.rows <= size) return orthonormalRows(samples);
  const random = new Random(seed, 'directions');
  const start = zeros(size, samples.rows);
  for (let i = 0; i < start.data.length; i++) start.data[i] = random.normal();
  let basis = orthonormalRows(combined(start, samples));
  for (let round = 0; round < ROUNDS; round++) basis = orthonormalRows(combined(coordinates(basis, samples), samples));
  return basis;
}

/** A·B */
function combined(a: Matrix, b: Matrix): Matrix {
  const product = zeros(a.rows, b.columns);
  for (let i = 0; i < a.rows; i++) {
    const out = row(product, i);
    for (let k = 0; k < a.columns; k++) add(out, a.data[i * a.columns + k], row(b, k));
  }
  return product;
}

/** A·Bᵀ */
function coordinates(a: Matrix, b: Matrix): Matrix {
  const product = zeros(a.rows, b.rows);
  for (let i = 0; i < a.rows; i++)
    for (let k = 0; k < b.rows; k++) product.data[i * b.rows + k] = dot(row(a, i), row(b, k));
  return product;
}

/** The lower triangle L with L·Lᵀ = A, for a positive definite A. */
export function cholesky(matrix: Matrix): Matrix {
  const { rows: size, data } = matrix;
  const lower = zeros(size, size);
  for (let i = 0; i < size; i++)
    for (let j = 0; j <= i; j++) {
      const sum = data[i * size + j] - dot(row(lower, i).subarray(0, j), row(lower, j).subarray(0, j));
      lower.data[i * size + j] = i === j ? Math.sqrt(sum) : sum / lower.data[j * size + j];
    }
  return lower;
}

/** x with L·x = b, for a lower triangle L. */
export function solveLower(lower: Matrix, b: ArrayLike<number>): Float64Array {
  const x = new Float64Array(lower.rows);
  for (let i = 0; i < lower.rows; i++)
    x[i] = (b[i] - dot(row(lower, i).subarray(0, i), x.subarray(0, i))) / lower.data[i * lower.columns + i];
  return x;
}

/** x with Lᵀ·x = b, for a lower triangle L. */
export function solveUpper(lower: Matrix, b: ArrayLike<number>): Float64Array {
  const { rows: size, data } = lower;
  const x = Float64Array.from(b);
  for (let i = size - 1; i >= 0; i--) {
    for (let k = i + 1; k < size; k++) x[i] -= data[k * size + i] * x[k];
    x[i] /= data[i * size + i];
  }
  return x;
}
