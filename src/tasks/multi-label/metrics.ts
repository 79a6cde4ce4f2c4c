import { areaUnderRoc, averagePrecision, meanDefined, type Ranking, ranking } from '../metrics/index.ts';
import type { Evaluated, TaskOutcome } from '../task.ts';

/** The labels of a sample, and their predicted probabilities. */
export interface LabelsOutcome extends TaskOutcome {
  /** 1 for each label that the sample has. */
  readonly targets: ArrayLike<number>;
  /** The independent probability of each label. */
  readonly probabilities: Float32Array;
}

export interface ScoresOfLabel {
  readonly label: string;
  /** Minimum probability of a predicted label. */
  readonly threshold: number;
  /** Independent of the threshold. Null if no sample, or every sample, has the label. */
  readonly averagePrecision: number | null;
  readonly rocAuc: number | null;
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  readonly support: number;
}

export interface MultiLabelEvaluation extends Evaluated {
  /** Mean average precision over the labels that occur. */
  readonly map: number;
  /** F1 over all labels of all samples (micro), and mean F1 over the labels (macro). */
  readonly f1: number;
  readonly macroF1: number;
  /** Fraction of samples with all labels correct. */
  readonly subsetAccuracy: number;
  readonly perLabel: readonly ScoresOfLabel[];
}

const ratio = (a: number, b: number): number => (b === 0 ? 0 : a / b);

/** F1 from counts; 0 for a division by 0. */
export const f1Of = (correct: number, predicted: number, actual: number): number =>
  ratio(2 * correct, predicted + actual);

/** Ranking of the samples by the probability of one label. */
const ranked = (outcomes: readonly LabelsOutcome[], label: number): Ranking =>
  ranking(
    outcomes.map(({ targets, probabilities }) => ({ label: targets[label] > 0 ? label : -1, probabilities })),
    label,
  );

export function evaluateLabels(
  outcomes: readonly LabelsOutcome[],
  labels: readonly string[],
  thresholds: readonly number[],
  loss: number,
): MultiLabelEvaluation {
  const perLabel = labels.map((label, c): ScoresOfLabel => {
    const positives = outcomes.filter(({ targets }) => targets[c] > 0);
    const predicted = outcomes.filter(({ probabilities }) => probabilities[c] >= thresholds[c]).length;
    const correct = positives.filter(({ probabilities }) => probabilities[c] >= thresholds[c]).length;
    const ranks = ranked(outcomes, c);
    return {
      label,
      threshold: thresholds[c],
      averagePrecision: averagePrecision(ranks),
      rocAuc: areaUnderRoc(ranks),
      precision: ratio(correct, predicted),
      recall: ratio(correct, positives.length),
      f1: f1Of(correct, predicted, positives.length),
      support: positives.length,
    };
  });
  const counts = outcomes.map((outcome) => countLabels(outcome, thresholds));
  const sum = (pick: (one: LabelCounts) => number) => counts.reduce((all, one) => all + pick(one), 0);
  return {
    loss,
    map: meanDefined(perLabel.map((scores) => scores.averagePrecision)) ?? 0,
    f1: f1Of(
      sum(({ right }) => right),
      sum(({ said }) => said),
      sum(({ there }) => there),
    ),
    macroF1: ratio(
      perLabel.reduce((all, { f1 }) => all + f1, 0),
      perLabel.length,
    ),
    subsetAccuracy: ratio(
      sum(({ right, said, there }) => Number(right === said && right === there)),
      outcomes.length,
    ),
    perLabel,
  };
}

/** Counts of the labels of one sample. */
export interface LabelCounts {
  /** Correctly predicted labels (true positives). */
  readonly right: number;
  /** Predicted labels. */
  readonly said: number;
  /** Labels of the sample. */
  readonly there: number;
}

export function countLabels({ targets, probabilities }: LabelsOutcome, thresholds: readonly number[]): LabelCounts {
  let [right, said, there] = [0, 0, 0];
  for (const [c, threshold] of thresholds.entries()) {
    const [predicted, actual] = [probabilities[c] >= threshold, targets[c] > 0];
    said += Number(predicted);
    there += Number(actual);
    right += Number(predicted && actual);
  }
  return { right, said, there };
}

/**
 * The threshold with the best F1 of each label, half way to the next lower probability (Lipton et al., "Optimal thresholding of classifiers
 * to maximize F1 measure", 2014); 0.5 for a label that no sample has.
 */
export function bestThresholds(outcomes: readonly LabelsOutcome[], labels: number): number[] {
  return Array.from({ length: labels }, (_, c) => {
    const { truePositives, falsePositives } = ranked(outcomes, c);
    const positives = truePositives.at(-1) ?? 0;
    if (positives === 0) return 0.5;
    const values = [...new Set(outcomes.map(({ probabilities }) => probabilities[c]))].sort((a, b) => b - a);
    let best = { f1: -1, threshold: 0.5 };
    truePositives.forEach((right, step) => {
      const f1 = f1Of(right, right + falsePositives[step], positives);
      if (f1 > best.f1) best = { f1, threshold: (values[step] + (values[step + 1] ?? 0)) / 2 };
    });
    return best.threshold;
  });
}
