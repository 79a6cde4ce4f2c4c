import {
  type Averages,
  areaUnderRoc,
  averagePrecision,
  bootstrap,
  brier,
  type Calibration,
  type ClassCounts,
  calibration,
  confusedPairs,
  countsOf,
  type Interval,
  labelScores,
  logLoss,
  meanDefined,
  ranking,
  rankOf,
  topK,
  wilson,
} from '../metrics/index.ts';
import { evaluationOf } from './metrics.ts';
import type { ClassOutcome, ClassScores, Evaluation } from './types.ts';

/** A class against all others. Null where it, or everything else, has no samples. */
export interface AssessedClass extends ClassScores {
  readonly rocAuc: number | null;
  readonly averagePrecision: number | null;
}

/**
 * Everything that `thaw eval` prints: an evaluation and what is worth computing once only. `f1` is `macro.f1`, the mean over the classes, and
 * `logLoss` is cross-entropy whatever the model was trained with.
 */
export interface Assessment extends Evaluation {
  readonly perClass: readonly AssessedClass[];
  readonly balancedAccuracy: number;
  readonly macro: Averages;
  readonly weighted: Averages;
  readonly matthews: number;
  readonly kappa: number | null;
  /** Part of the samples whose class is among the `k` most probable, for each `k` that leaves a class out. */
  readonly topK: readonly { readonly k: number; readonly accuracy: number }[];
  /** Means over the classes that have one. */
  readonly rocAuc: number | null;
  readonly averagePrecision: number | null;
  readonly logLoss: number;
  readonly brier: number;
  readonly calibration: Calibration;
  /** Which classes are taken for which, most often first: the ten most frequent pairs. */
  readonly confused: readonly {
    readonly label: string;
    readonly predicted: string;
    readonly times: number;
    readonly share: number;
  }[];
  /** 95% intervals: Wilson's of the accuracy, the others by a seeded bootstrap of 1000 resamples. */
  readonly intervals: Readonly<Record<'accuracy' | 'balancedAccuracy' | 'f1' | 'matthews' | 'logLoss', Interval>>;
}

const RANKS = [1, 2, 3, 5, 10];
const PAIRS = 10;

/** @param loss mean loss of the predictions @param seed decides the resamples of the intervals */
export function assess(
  predictions: readonly ClassOutcome[],
  classes: readonly string[],
  loss: number,
  seed: number,
): Assessment {
  const evaluation = evaluationOf(predictions, classes, loss);
  const { accuracy: _accuracy, ...scores } = labelScores(countsOf(evaluation.confusion));
  const ranks = predictions.map(rankOf);
  const perClass = evaluation.perClass.map((own, c) => {
    const ranked = ranking(predictions, c);
    return { ...own, rocAuc: areaUnderRoc(ranked), averagePrecision: averagePrecision(ranked) };
  });
  return {
    ...evaluation,
    perClass,
    ...scores,
    topK: RANKS.filter((k) => k < classes.length).map((k) => ({ k, accuracy: topK(ranks, k) })),
    rocAuc: meanDefined(perClass.map(({ rocAuc }) => rocAuc)),
    averagePrecision: meanDefined(perClass.map((own) => own.averagePrecision)),
    logLoss: logLoss(predictions),
    brier: brier(predictions),
    calibration: calibration(predictions),
    confused: confusedPairs(evaluation.confusion)
      .slice(0, PAIRS)
      .map(({ truth, predicted, ...pair }) => ({ label: classes[truth], predicted: classes[predicted], ...pair })),
    intervals: {
      accuracy: wilson(evaluation.accuracy, predictions.length),
      ...resampled(predictions, classes.length, seed),
    },
  };
}

function resampled(predictions: readonly ClassOutcome[], classes: number, seed: number) {
  const losses = predictions.map((prediction) => logLoss([prediction]));
  return bootstrap(
    predictions.length,
    (drawn) => {
      const counts = countDrawn(predictions, classes, drawn);
      const { balancedAccuracy, macro, matthews } = labelScores(counts);
      let loss = 0;
      for (const i of drawn) loss += losses[i];
      return { balancedAccuracy, f1: macro.f1, matthews, logLoss: drawn.length ? loss / drawn.length : 0 };
    },
    { seed },
  );
}

function countDrawn(predictions: readonly ClassOutcome[], classes: number, drawn: Uint32Array): ClassCounts {
  const zeros = () => new Array<number>(classes).fill(0);
  const counts = { support: zeros(), called: zeros(), hits: zeros() };
  for (const i of drawn) {
    const { label, predicted } = predictions[i];
    counts.support[label]++;
    counts.called[predicted]++;
    if (label === predicted) counts.hits[label]++;
  }
  return counts;
}
