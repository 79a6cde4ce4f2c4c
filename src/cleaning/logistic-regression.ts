/** Multinomial logistic regression with an L2 penalty, fitted by L-BFGS (Liu and Nocedal, 1989). */
import { product } from './features.ts';

export interface Labelled {
  /** `[N, size]` in row order. */
  readonly features: Float32Array;
  readonly size: number;
  readonly labels: readonly number[];
  readonly classes: number;
}

export interface FitOptions {
  /** The loss is the sum over samples plus `penalty / 2` times the sum of squared weights. Biases have no penalty. */
  readonly penalty: number;
  /** Stops when no mean gradient is larger. Default: 1e-4, as in scikit-learn. */
  readonly tolerance?: number;
  /** Default: 200. */
  readonly maximumSteps?: number;
}

/** Weights `[classes, size + 1]`: each class has its bias last. */
export type Weights = Float64Array<ArrayBuffer>;

/** Number of remembered steps. */
const MEMORY = 8;
/** Residuals below this do not change a gradient noticeably. Skipping them saves most of the time with many classes. */
const NEGLIGIBLE = 1e-9;

/** The weights with the smallest loss. */
export function fitLogisticRegression(
  data: Labelled,
  { penalty, tolerance = 1e-4, maximumSteps = 200 }: FitOptions,
): Weights {
  const length = data.classes * (data.size + 1);
  let weights = new Float64Array(length);
  let gradient = new Float64Array(length);
  let loss = lossOf(data, weights, penalty, gradient);
  const steps: { readonly s: Float64Array; readonly y: Float64Array; readonly rho: number }[] = [];
  for (let n = 0; n < maximumSteps; n++) {
    if (largest(gradient) <= tolerance * data.labels.length) break;
    const direction = descent(gradient, steps);
    const slope = dot(direction, gradient);
    let rate = steps.length ? 1 : 1 / Math.sqrt(dot(gradient, gradient));
    let next = moved(weights, direction, rate);
    let nextGradient = new Float64Array(length);
    let nextLoss = lossOf(data, next, penalty, nextGradient);
    // Armijo's condition. At the precision of numbers, no step is shorter.
    while (!(nextLoss <= loss + 1e-4 * rate * slope) && rate > 1e-10) {
      rate /= 2;
      next = moved(weights, direction, rate);
      nextGradient = new Float64Array(length);
      nextLoss = lossOf(data, next, penalty, nextGradient);
    }
    if (!(nextLoss < loss)) break;
    const s = moved(next, weights, -1);
    const y = moved(nextGradient, gradient, -1);
    const curvature = dot(s, y);
    if (curvature > 0) steps.push({ s, y, rho: 1 / curvature });
    if (steps.length > MEMORY) steps.shift();
    [weights, gradient, loss] = [next, nextGradient, nextLoss];
  }
  return weights;
}

/** The probabilities of a sample's classes, written into `out`. @param row index of the sample */
export function probabilitiesOf(
  { features, size, classes }: Omit<Labelled, 'labels'>,
  row: number,
  weights: Weights,
  out: Float64Array,
): Float64Array {
  let most = Number.NEGATIVE_INFINITY;
  for (let c = 0; c < classes; c++) {
    out[c] = product(features, row * size, weights, c * (size + 1), size) + weights[(c + 1) * (size + 1) - 1];
    if (out[c] > most) most = out[c];
  }
  let sum = 0;
  for (let c = 0; c < classes; c++) {
    out[c] = Math.exp(out[c] - most);
    sum += out[c];
  }
  for (let c = 0; c < classes; c++) out[c] /= sum;
  return out;
}

/** Σ −log p(label) + penalty/2 Σ w². Adds its gradient, (p − 1[label])·x + penalty·w, to `gradient`. */
function lossOf(data: Labelled, weights: Weights, penalty: number, gradient: Float64Array): number {
  const { features, size, labels, classes } = data;
  const row = new Float64Array(classes);
  let loss = 0;
  for (let i = 0; i < labels.length; i++) {
    probabilitiesOf(data, i, weights, row);
    loss -= Math.log(Math.max(row[labels[i]], Number.MIN_VALUE));
    row[labels[i]] -= 1;
    for (let c = 0; c < classes; c++) {
      const residual = row[c];
      if (Math.abs(residual) < NEGLIGIBLE) continue;
      const from = c * (size + 1);
      const at = i * size;
      for (let f = 0; f < size; f++) gradient[from + f] += residual * features[at + f];
      gradient[from + size] += residual;
    }
  }
  for (let c = 0; c < classes; c++)
    for (let f = 0; f < size; f++) {
      const w = weights[c * (size + 1) + f];
      loss += (penalty / 2) * w * w;
      gradient[c * (size + 1) + f] += penalty * w;
    }
  return loss;
}

/** The direction −H·gradient, with H from the last steps (the two-loop recursion). */
function descent(
  gradient: Float64Array,
  steps: readonly { readonly s: Float64Array; readonly y: Float64Array; readonly rho: number }[],
): Float64Array {
  const q = gradient.map((value) => -value);
  const alphas = [...steps].reverse().map(({ s, y, rho }) => {
    const alpha = rho * dot(s, q);
    add(q, y, -alpha);
    return alpha;
  });
  const last = steps.at(-1);
  if (last) {
    const scale = 1 / (last.rho * dot(last.y, last.y));
    for (let i = 0; i < q.length; i++) q[i] *= scale;
  }
  for (const [i, { s, y, rho }] of steps.entries()) add(q, s, alphas[steps.length - 1 - i] - rho * dot(y, q));
  return q;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

function add(to: Float64Array, values: Float64Array, factor: number): void {
  for (let i = 0; i < to.length; i++) to[i] += factor * values[i];
}

function moved(from: Float64Array<ArrayBuffer>, direction: Float64Array, rate: number): Float64Array<ArrayBuffer> {
  const result = from.slice();
  add(result, direction, rate);
  return result;
}

function largest(values: Float64Array): number {
  let most = 0;
  for (let i = 0; i < values.length; i++) most = Math.max(most, Math.abs(values[i]));
  return most;
}
