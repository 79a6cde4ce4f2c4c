/** Probabilities of classifiers over features, each for samples that it was not trained on. */
import { ThawError } from '../errors.ts';
import { fitDiscriminant } from './discriminant.ts';
import { projected, standardized } from './features.ts';
import { type FoldRequest, foldsOf } from './folds.ts';
import { fitLogisticRegression, type Labelled, probabilitiesOf } from './logistic-regression.ts';

export interface OutOfFoldOptions extends Partial<Pick<FoldRequest, 'folds' | 'seed' | 'groups'>> {
  /** Samples times features times classes, above which a discriminant analysis takes the place of the regression. */
  readonly mostFitted?: number;
  /** Called with one line for the user if the data is too large for the regression. */
  readonly onNote?: (message: string) => void;
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
/** Length of projected features. */
const PROJECTED = 256;
/**
 * Products of a pass over the features, above which a discriminant analysis takes the place of the regression: that would take an hour and
 * more (docs/lab/2026-12-scale.md).
 */
const MOST_FITTED = 4e9;
const DISCRIMINANT =
  'so many samples and classes are judged by a linear discriminant analysis, which finds somewhat fewer wrong labels than the regressions of smaller data';
/** Added to the variance 1 of each feature. */
const SHRINKAGE = 0.1;

/**
 * Trains one classifier for each fold on all other folds, and returns its class probabilities for the samples of the fold, `[N, classes]`: a
 * logistic regression, or a discriminant analysis for many samples of many classes. A few hundred samples take about a second.
 *
 * @param data features of any scale, with the given labels
 * @throws ThawError `bad-config` for fewer than two folds, `bad-data` for features that are not finite; the reason of `signal`
 */
export async function outOfFoldProbabilities(
  { labels, classes, ...given }: Labelled,
  { folds = 5, seed = 0, groups, mostFitted = MOST_FITTED, onNote, onFold, signal }: OutOfFoldOptions = {},
): Promise<Float64Array> {
  if (!(Number.isInteger(folds) && folds >= 2))
    throw new ThawError('bad-config', `folds is ${folds}`, 'Use a whole number from 2');
  const used = Math.min(folds, Math.max(2, labels.length));
  const { features, size } = prepared(given, labels.length * classes, seed);
  const fold = foldsOf({ labels, folds: used, seed, groups });
  const isLarge = labels.length * size * classes > mostFitted;
  if (isLarge) onNote?.(DISCRIMINANT);
  const weightsOf = (train: Labelled) =>
    isLarge ? fitDiscriminant(train, SHRINKAGE) : fitLogisticRegression(train, { penalty: PENALTY * size });
  const probabilities = new Float64Array(labels.length * classes);
  for (let f = 0; f < used; f++) {
    // Lets a page and a stop signal take their turn.
    await new Promise((resolve) => setTimeout(resolve, 0));
    signal?.throwIfAborted();
    const others = [...labels.keys()].filter((i) => fold[i] !== f);
    const rows = new Float32Array(others.length * size);
    for (const [to, i] of others.entries()) rows.set(features.subarray(i * size, (i + 1) * size), to * size);
    const weights = weightsOf({ features: rows, size, classes, labels: others.map((i) => labels[i]) });
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
  const scaled = standardized({ features, size });
  if (size <= PROJECTED || size * outputs <= MOST_PRODUCTS) return { features: scaled, size };
  const fewer = { features: projected({ features: scaled, size }, PROJECTED, seed), size: PROJECTED };
  return { ...fewer, features: standardized(fewer) };
}
