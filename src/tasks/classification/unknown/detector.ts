import { dot, type Matrix, row, solveLower } from '../../../matrices.ts';

/** The rows of an orthonormal basis, rounded to 8 bits each: `scales[i] · levels[i]`. */
export interface Basis {
  readonly levels: Int8Array;
  readonly scales: Float32Array;
}

export interface DetectorParts {
  /** Features of a sample. */
  readonly size: number;
  /** The subspace; undefined if it is the whole space. */
  readonly basis?: Basis;
  /** The lower triangle L of the covariance Σ = L·Lᵀ within the classes, in the subspace. */
  readonly lower: Matrix;
  /** L⁻¹·μ of each class. */
  readonly means: Matrix;
  /** The variance in each direction outside of the subspace. */
  readonly outside: number;
}

/** A sample in the subspace, and the square of its part outside of it. */
export interface Place {
  readonly inside: Float64Array;
  readonly outside: number;
}

/**
 * The signed square roots of features, with a length of 1: sign(f)·√(|f| / Σ|f|). Few large features no longer decide alone (Perronnin,
 * Sánchez and Mensink, "Improving the Fisher kernel for large-scale image classification", 2010; the Hellinger kernel for f ≥ 0).
 */
export function mapped(features: ArrayLike<number>): Float64Array {
  const x = new Float64Array(features.length);
  let total = 0;
  for (let i = 0; i < x.length; i++) total += Math.abs(features[i]);
  if (!(total > 0 && total < Number.POSITIVE_INFINITY)) return x;
  for (let i = 0; i < x.length; i++) x[i] = Math.sign(features[i]) * Math.sqrt(Math.abs(features[i]) / total);
  return x;
}

/** The place of a mapped sample. */
export function placeOf(x: Float64Array, basis: Basis | undefined): Place {
  if (!basis) return { inside: x, outside: 0 };
  const inside = new Float64Array(basis.scales.length);
  for (let i = 0; i < inside.length; i++)
    inside[i] = basis.scales[i] * dot(basis.levels.subarray(i * x.length, (i + 1) * x.length), x);
  return { inside, outside: Math.max(0, dot(x, x) - dot(inside, inside)) };
}

/** A sample's distance to each class, by its place: its square is (x − μ)ᵀ·Σ⁻¹·(x − μ). */
export function distancesAt(
  { inside, outside }: Place,
  { lower, means, outside: variance }: DetectorParts,
): Float64Array {
  const white = solveLower(lower, inside);
  return Float64Array.from({ length: means.rows }, (_, c) => {
    const mean = row(means, c);
    let square = outside / variance;
    for (let i = 0; i < white.length; i++) square += (white[i] - mean[i]) ** 2;
    return Math.sqrt(square);
  });
}

/**
 * The Mahalanobis distance of a sample to each class (Lee et al., "A simple unified framework for detecting out-of-distribution samples and
 * adversarial attacks", 2018), of mapped features. The least of them says how unknown the sample is.
 *
 * @param features of one sample, as the head reads them
 */
export const distances = (features: ArrayLike<number>, parts: DetectorParts): Float64Array =>
  distancesAt(placeOf(mapped(features), parts.basis), parts);
