/** Probabilities of classifiers over features, each for samples that it was not trained on. */
import { ThawError } from '../errors.ts';
import { Random } from '../random.ts';
import { type FoldRequest, foldsOf } from './folds.ts';
import { fitLogisticRegression, type Labelled, probabilitiesOf } from './logistic-regression.ts';

export interface OutOfFoldOptions extends Partial<Pick<FoldRequest, 'folds' | 'seed' | 'groups'>> {
  /** Called after each fold. */
  readonly onFold?: (done: number, of: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * L2 penalty per feature, on standardised features: with more features, each weight can be smaller. It was chosen on animals and emoji
 * (docs/lab/2026-11-clean.md).
 */
const PENALTY = 0.1;

/** Products of a pass over the data, above which the features are projected first. */
const MOST_PRODUCTS = 2e9;
/** Length of projected features. Random projections keep distances (Johnson and Lindenstrauss, 1984). */
const PROJECTED = 256;

/**
 * Trains one logistic regression for each fold on all other folds, and returns its class probabilities for the samples of the fold, `[N,
 * classes]`. A few hundred samples take about a second.
 *
 * @param data features of any scale, with the given labels
 * @throws ThawError `bad-config` for fewer than two folds, `bad-data` for features that are not finite; the reason of `signal`
 */
export async function outOfFoldProbabilities(
  { labels, classes, ...given }: Labelled,
  { folds = 5, seed = 0, groups, onFold, signal }: OutOfFoldOptions = {},
): Promise<Float64Array> {
  if (!(Number.isInteger(folds) && folds >= 2))
    throw new ThawError('bad-config', `folds is ${folds}`, 'Use a whole number from 2');
  const used = Math.min(folds, Math.max(2, labels.length));
  const { features, size } = prepared(given, labels.length * classes, seed);
  const fold = foldsOf({ labels, folds: used, seed, groups });
  const probabilities = new Float64Array(labels.length * classes);
  for (let f = 0; f < used; f++) {
    // Lets a page and a stop signal take their turn.
    await new Promise((resolve) => setTimeout(resolve, 0));
    signal?.throwIfAborted();
    const others = [...labels.keys()].filter((i) => fold[i] !== f);
    const rows = new Float32Array(others.length * size);
    for (const [to, i] of others.entries()) rows.set(features.subarray(i * size, (i + 1) * size), to * size);
    const train = { features: rows, size, classes, labels: others.map((i) => labels[i]) };
    const weights = fitLogisticRegression(train, { penalty: PENALTY * size });
    for (let i = 0; i < labels.length; i++)
      if (fold[i] === f) {
        const out = probabilities.subarray(i * classes, (i + 1) * classes);
        probabilitiesOf({ features, size, classes }, i, weights, out);
      }
    onFold?.(f + 1, used);
  }
  return probabilities;
}

/** Standardised features: mean 0 and standard deviation 1. If a pass over them takes long, fewer. */
function prepared({ features, size }: Pick<Labelled, 'features' | 'size'>, outputs: number, seed: number) {
  const scaled = standardized(features, size);
  if (size <= PROJECTED || size * outputs <= MOST_PRODUCTS) return { features: scaled, size };
  return { features: standardized(projected(scaled, size, seed), PROJECTED), size: PROJECTED };
}

function standardized(features: Float32Array, size: number): Float32Array {
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

/** Products with random directions. */
function projected(features: Float32Array, size: number, seed: number): Float32Array {
  const random = new Random(seed, 'projection');
  const directions = Float32Array.from({ length: PROJECTED * size }, () => random.normal() / Math.sqrt(PROJECTED));
  const count = features.length / size;
  const result = new Float32Array(count * PROJECTED);
  for (let i = 0; i < count; i++)
    for (let p = 0; p < PROJECTED; p++) {
      let sum = 0;
      for (let f = 0; f < size; f++) sum += features[i * size + f] * directions[p * size + f];
      result[i * PROJECTED + p] = sum;
    }
  return result;
}
