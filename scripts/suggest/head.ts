/** A linear head on frozen features, trained to the optimum: multinomial logistic regression with L2, solved in the span of the samples. */

/** Weight of the penalty λ/2·Σw² next to the mean cross-entropy, for features whose rows have the mean square length 1. */
const LAMBDA = 1e-3;
const ITERATIONS = 80;

/**
 * Trains on rows of a Gram matrix of all samples, so that an iteration costs n²·C. Gradient descent from zero stays in the span of the
 * samples, so the weights are W = Xᵀ·A (the representer theorem), and Nesterov's method runs on A.
 *
 * @param gram inner products of all samples, `[all, all]`
 * @returns probabilities of all samples, `[all, classes]`
 */
export function headProbabilities(
  gram: Float32Array,
  labels: readonly number[],
  classes: number,
  train: readonly number[],
): Float32Array {
  const all = labels.length;
  const n = train.length;
  const own = new Float64Array(n * n);
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) own[i * n + j] = gram[train[i] * all + train[j]];
  const coefficients = descend(
    own,
    train.map((i) => labels[i]),
    classes,
  );
  const result = new Float32Array(all * classes);
  for (let i = 0; i < all; i++) {
    const row = result.subarray(i * classes, (i + 1) * classes);
    for (let j = 0; j < n; j++) {
      const k = gram[i * all + train[j]];
      for (let c = 0; c < classes; c++) row[c] += k * coefficients[j * classes + c];
    }
    softmaxInPlace(row);
  }
  return result;
}

function descend(gram: Float64Array, labels: readonly number[], classes: number): Float64Array {
  const n = labels.length;
  let a = new Float64Array(n * classes);
  let before = a;
  // Twice the largest eigenvalue bounds the curvature of softmax; the trace bounds the eigenvalue.
  const rate = 1 / ((0.5 * largestEigenvalue(gram, n)) / n + LAMBDA);
  for (let t = 1; t <= ITERATIONS; t++) {
    const momentum = (t - 1) / (t + 2);
    const ahead = new Float64Array(a.length);
    for (let i = 0; i < a.length; i++) ahead[i] = a[i] + momentum * (a[i] - before[i]);
    const next = new Float64Array(n * classes);
    const scores = new Float64Array(classes);
    for (let i = 0; i < n; i++) {
      scores.fill(0);
      for (let j = 0; j < n; j++) {
        const k = gram[i * n + j];
        for (let c = 0; c < classes; c++) scores[c] += k * ahead[j * classes + c];
      }
      softmaxInPlace(scores);
      scores[labels[i]] -= 1;
      for (let c = 0; c < classes; c++) {
        const at = i * classes + c;
        next[at] = ahead[at] - rate * (scores[c] / n + LAMBDA * ahead[at]);
      }
    }
    [before, a] = [a, next];
  }
  return a;
}

/** By power iteration. */
function largestEigenvalue(matrix: Float64Array, n: number): number {
  let v = new Float64Array(n).fill(1 / Math.sqrt(n));
  let value = 0;
  for (let t = 0; t < 30; t++) {
    const next = new Float64Array(n);
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) next[i] += matrix[i * n + j] * v[j];
    value = Math.hypot(...next);
    v = next.map((x) => x / value);
  }
  return value * 1.05;
}

function softmaxInPlace(row: Float32Array | Float64Array): void {
  let most = row[0];
  for (let c = 1; c < row.length; c++) if (row[c] > most) most = row[c];
  let sum = 0;
  for (let c = 0; c < row.length; c++) sum += row[c] = Math.exp(row[c] - most);
  for (let c = 0; c < row.length; c++) row[c] /= sum;
}
