/** Scores of predicted classes, without their probabilities. */
import type { Outcome } from './outcome.ts';

/** Per class: number of samples, of predictions, and of correct predictions. */
export interface ClassCounts {
  readonly support: readonly number[];
  readonly predictions: readonly number[];
  readonly correct: readonly number[];
}

export interface Averages {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}

export interface LabelScores {
  readonly accuracy: number;
  /** Mean recall of the classes with samples. */
  readonly balancedAccuracy: number;
  /** Mean over all classes, and mean weighted by their samples. */
  readonly macro: Averages;
  readonly weighted: Averages;
  /** Matthews' correlation coefficient, −1 to 1; 0 if only one class occurs or is predicted. */
  readonly matthews: number;
  /** Cohen's kappa, at most 1; null if chance alone is always correct. */
  readonly kappa: number | null;
}

const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);
const ratio = (a: number, b: number): number => (b === 0 ? 0 : a / b);

/** `confusion[truth][predicted]` counts samples. */
export function confusionMatrix(
  outcomes: readonly Pick<Outcome, 'label' | 'predicted'>[],
  classes: number,
): number[][] {
  const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (const { label, predicted } of outcomes) confusion[label][predicted]++;
  return confusion;
}

export function countsOf(confusion: readonly (readonly number[])[]): ClassCounts {
  const predictions = new Array<number>(confusion.length).fill(0);
  for (const row of confusion) {
    for (let c = 0; c < row.length; c++) predictions[c] += row[c];
  }
  return { support: confusion.map(sum), predictions, correct: confusion.map((row, c) => row[c]) };
}

/**
 * Precision = TP/(TP + FP), recall = TP/(TP + FN), F1 = their harmonic mean; 0 for a division by 0, as in scikit-learn
 * (`precision_recall_fscore_support`).
 */
export const scoresByClass = ({
  support,
  predictions,
  correct,
}: ClassCounts): (Averages & { readonly support: number })[] =>
  correct.map((hit, c) => ({
    precision: ratio(hit, predictions[c]),
    recall: ratio(hit, support[c]),
    f1: ratio(2 * hit, support[c] + predictions[c]),
    support: support[c],
  }));

/**
 * With c of s samples correct, t_k samples of class k and p_k predictions of class k (Gorodkin, "Comparing two K-category assignments by a
 * K-category correlation coefficient", 2004; Cohen, "A coefficient of agreement for nominal scales", 1960):
 *
 *     Matthews = (c·s − Σ t_k·p_k) / √((s² − Σ p_k²)(s² − Σ t_k²))
 *     kappa    = (c·s − Σ t_k·p_k) / (s² − Σ t_k·p_k)
 */
export function labelScores(counts: ClassCounts): LabelScores {
  const { support, predictions, correct } = counts;
  const byClass = scoresByClass(counts);
  const right = sum(correct);
  const all = sum(support);
  const mean = (key: keyof Averages) => ratio(sum(byClass.map((scores) => scores[key])), byClass.length);
  const weighted = (key: keyof Averages) => ratio(sum(byClass.map((scores) => scores[key] * scores.support)), all);
  const present = byClass.filter((scores) => scores.support > 0);
  const chance = sum(support.map((t, k) => t * predictions[k]));
  const spread = (values: readonly number[]) => all * all - sum(values.map((value) => value * value));
  return {
    accuracy: ratio(right, all),
    balancedAccuracy: ratio(sum(present.map(({ recall }) => recall)), present.length),
    macro: { precision: mean('precision'), recall: mean('recall'), f1: mean('f1') },
    weighted: { precision: weighted('precision'), recall: weighted('recall'), f1: weighted('f1') },
    matthews: ratio(right * all - chance, Math.sqrt(spread(predictions) * spread(support))),
    kappa: all * all === chance ? null : (right * all - chance) / (all * all - chance),
  };
}

export interface ConfusedPair {
  readonly truth: number;
  readonly predicted: number;
  readonly times: number;
  /** Fraction of the true class's samples. */
  readonly share: number;
}

/** Pairs of confused classes, most frequent first. */
export function confusedPairs(confusion: readonly (readonly number[])[]): ConfusedPair[] {
  const pairs: ConfusedPair[] = [];
  for (const [truth, row] of confusion.entries()) {
    const total = sum(row);
    // With thousands of classes, nearly all counts are 0.
    for (let predicted = 0; predicted < row.length; predicted++) {
      const times = row[predicted];
      if (times > 0 && predicted !== truth) pairs.push({ truth, predicted, times, share: times / total });
    }
  }
  return pairs.sort((a, b) => b.times - a.times || b.share - a.share);
}
