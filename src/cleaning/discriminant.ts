/** Linear discriminant analysis (Fisher, 1936; Hastie, Tibshirani and Friedman, 2009, section 4.3): one pass over the data, for any number of classes. */
import { cholesky, dot, type Matrix, row, solveLower, solveUpper, zeros } from '../matrices.ts';
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
  const lower = cholesky(covarianceOf({ features, size, labels, classes }, means, shrinkage));
  const weights = new Float64Array(classes * (size + 1));
  for (let c = 0; c < classes; c++) {
    const mean = means.subarray(c * size, (c + 1) * size);
    const own = weights.subarray(c * (size + 1), (c + 1) * (size + 1));
    own.set(solveUpper(lower, solveLower(lower, mean)));
    own[size] = Math.log(counts[c] / labels.length) - dot(own.subarray(0, size), mean) / 2;
  }
  return weights;
}

/** The covariance of samples around the means of their classes, as its lower triangle. */
function covarianceOf({ features, size, labels }: Labelled, means: Float64Array, shrinkage: number): Matrix {
  const sums = zeros(size, size);
  const deviation = new Float64Array(size);
  for (const [i, label] of labels.entries()) {
    for (let f = 0; f < size; f++) deviation[f] = features[i * size + f] - means[label * size + f];
    for (let a = 0; a < size; a++) {
      const sum = row(sums, a);
      for (let b = 0; b <= a; b++) sum[b] += deviation[a] * deviation[b];
    }
  }
  for (let at = 0; at < sums.data.length; at++) sums.data[at] /= labels.length;
  for (let f = 0; f < size; f++) sums.data[f * (size + 1)] += shrinkage;
  return sums;
}
