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
import type { UnknownReport } from './unknown/index.ts';

/** One-vs-rest scores of a class. Null if the class, or all others, have no samples. */
export interface AssessedClass extends ClassScores {
  readonly rocAuc: number | null;
  readonly averagePrecision: number | null;
}

/**
 * The output of `thaw eval`: an evaluation, and metrics that are only computed once. `f1` is `macro.f1`, the mean over the classes.
 * `logLoss` is cross-entropy, whatever the training loss was.
 */
export interface Assessment extends Evaluation {
  readonly perClass: readonly AssessedClass[];
  readonly balancedAccuracy: number;
  readonly macro: Averages;
  readonly weighted: Averages;
  readonly matthews: number;
  readonly kappa: number | null;
  /** Fraction of samples with their class among the `k` most probable, for each `k` below the number of classes. */
  readonly topK: readonly { readonly k: number; readonly accuracy: number }[];
  /** Means over the classes with a defined value. */
  readonly rocAuc: number | null;
  readonly averagePrecision: number | null;
  /** Measured on examples of none of the classes, if the data has some. */
  readonly unknown?: UnknownReport;
  readonly logLoss: number;
  readonly brier: number;
  readonly calibration: Calibration;
  /** The ten most frequent pairs of confused classes, most frequent first. */
  readonly confused: readonly {
    readonly label: string;
    readonly predicted: string;
    readonly times: number;
    readonly share: number;
  }[];
  /** 95% intervals: Wilson's for the accuracy, and a seeded bootstrap with 1000 resamples for the others. */
  readonly intervals: Readonly<Record<'accuracy' | 'balancedAccuracy' | 'f1' | 'matthews' | 'logLoss', Interval>>;
}

const RANKS = [1, 2, 3, 5, 10];
const PAIRS = 10;

/** @param loss mean loss of the predictions @param seed seed of the resamples */
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
      ...(evaluation.accuracy === 1 && faultless(evaluation)),
    },
  };
}

/**
 * Intervals without a mistake, where all resamples are equal: the scores if the accuracy were at its lower bound, with mistakes spread
 * evenly over equally large classes. With an accuracy a and k classes, Matthews is then 1 − (1 − a)·k/(k − 1).
 */
function faultless({ accuracy, perClass }: Evaluation): Partial<Assessment['intervals']> {
  const present = perClass.filter(({ support }) => support > 0);
  const samples = present.reduce((all, { support }) => all + support, 0);
  const [low] = wilson(accuracy, samples);
  const k = present.length;
  return {
    balancedAccuracy: [low, 1],
    f1: [(low * k) / perClass.length, k / perClass.length],
    ...(k > 1 && { matthews: [Math.max(-1, 1 - ((1 - low) * k) / (k - 1)), 1] }),
  };
}

function resampled(predictions: readonly ClassOutcome[], classes: number, seed: number) {
  const losses = predictions.map((prediction) => logLoss([prediction]));
  const occurring = occurringIn(countDrawn(predictions, classes, Uint32Array.from(predictions.keys())));
  return bootstrap(
    predictions.length,
    (drawn) => {
      const counts = countDrawn(predictions, classes, drawn);
      const { balancedAccuracy, macro, matthews } = labelScores(counts);
      // The F1 of a class that was not drawn is undefined, not 0.
      const missing = occurring - occurringIn(counts);
      let loss = 0;
      for (const i of drawn) loss += losses[i];
      return {
        balancedAccuracy,
        f1: (macro.f1 * classes) / Math.max(1, classes - missing),
        matthews,
        logLoss: drawn.length ? loss / drawn.length : 0,
      };
    },
    { seed },
  );
}

/** Number of classes with a sample or a prediction. */
const occurringIn = ({ support, predictions }: ClassCounts): number =>
  support.reduce((all, of, c) => all + Number(of > 0 || predictions[c] > 0), 0);

function countDrawn(predictions: readonly ClassOutcome[], classes: number, drawn: Uint32Array): ClassCounts {
  const zeros = () => new Array<number>(classes).fill(0);
  const counts = { support: zeros(), predictions: zeros(), correct: zeros() };
  for (const i of drawn) {
    const { label, predicted } = predictions[i];
    counts.support[label]++;
    counts.predictions[predicted]++;
    if (label === predicted) counts.correct[label]++;
  }
  return counts;
}
