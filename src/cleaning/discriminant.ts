/** Linear discriminant analysis (Fisher, 1936; Hastie, Tibshirani and Friedman, 2009, section 4.3): one pass over the data, for any number of classes. */
import type { Labelled, Weights } from './logistic-regression.ts';

/**
 * The classifier of classes that are normal with their own means μ and one covariance Σ: the logit of a class is x·Σ⁻¹μ − μ·Σ⁻¹μ/2 + log of
 * its share. Its weights have the form of a logistic regression.
 *
 * @param shrinkage added to the variance of each feature
 */
export function fitDiscriminant({ features, size, labels, classes }: Labelled, shrinkage: number): Weights {
  const counts = new Float64Array(classes);
  const means = new Float64Array(classes * size);
  for (const [i, label] of labels.entries()) {
    counts[label]++;
    for (let f = 0; f < size; f++) means[label * size + f] += features[i * size + f];
  }
  for (let c = 0; c < classes; c++) for (let f = 0; f < size; f++) means[c * size + f] /= Math.max(1, counts[c]);
  const factor = choleskyOf(covarianceOf({ features, size, labels, classes }, means, shrinkage), size);
  const weights = new Float64Array(classes * (size + 1));
  for (let c = 0; c < classes; c++) {
    const mean = means.subarray(c * size, (c + 1) * size);
    const own = weights.subarray(c * (size + 1), (c + 1) * (size + 1));
    own.set(mean);
    solve(factor, own, size);
    let square = 0;
    for (let f = 0; f < size; f++) square += own[f] * mean[f];
    own[size] = Math.log(counts[c] / labels.length) - square / 2;
  }
  return weights;
}

/** The covariance of samples around the means of their classes, as its lower triangle. */
function covarianceOf({ features, size, labels }: Labelled, means: Float64Array, shrinkage: number): Float64Array {
  const sums = new Float64Array(size * size);
  const row = new Float64Array(size);
  for (const [i, label] of labels.entries()) {
    for (let f = 0; f < size; f++) row[f] = features[i * size + f] - means[label * size + f];
    for (let a = 0; a < size; a++) {
      const value = row[a];
      const at = a * size;
      for (let b = 0; b <= a; b++) sums[at + b] += value * row[b];
    }
  }
  for (let at = 0; at < sums.length; at++) sums[at] /= labels.length;
  for (let f = 0; f < size; f++) sums[f * (size + 1)] += shrinkage;
  return sums;
}

/** The lower triangular L with L·Lᵀ = A, in place of A. */
function choleskyOf(a: Float64Array, size: number): Float64Array {
  for (let i = 0; i < size; i++)
    for (let j = 0; j <= i; j++) {
      let sum = a[i * size + j];
      for (let k = 0; k < j; k++) sum -= a[i * size + k] * a[j * size + k];
      a[i * size + j] = i === j ? Math.sqrt(sum) : sum / a[j * size + j];
    }
  return a;
}

/** Replaces the first `size` values of x by the solution of L·Lᵀ·y = x. */
function solve(factor: Float64Array, x: Float64Array, size: number): void {
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < i; k++) x[i] -= factor[i * size + k] * x[k];
    x[i] /= factor[i * size + i];
  }
  for (let i = size - 1; i >= 0; i--) {
    for (let k = i + 1; k < size; k++) x[i] -= factor[k * size + i] * x[k];
    x[i] /= factor[i * size + i];
  }
}
