/** Scores of which class was said, without regard to how surely. */
import type { Outcome } from './outcome.ts';

/** Of each class: its samples, the samples that were called so, and those of them that are. */
export interface ClassCounts {
  readonly support: readonly number[];
  readonly called: readonly number[];
  readonly hits: readonly number[];
}

export interface Averages {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}

export interface LabelScores {
  readonly accuracy: number;
  /** Mean recall of the classes that have samples. */
  readonly balancedAccuracy: number;
  /** Mean over all classes, and mean weighted by their samples. */
  readonly macro: Averages;
  readonly weighted: Averages;
  /** Matthews' correlation coefficient, −1 to 1; 0 where only one class is there or is said. */
  readonly matthews: number;
  /** Cohen's kappa, at most 1; null where chance alone would always be right. */
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

export const countsOf = (confusion: readonly (readonly number[])[]): ClassCounts => ({
  support: confusion.map(sum),
  called: confusion.map((_, c) => sum(confusion.map((row) => row[c]))),
  hits: confusion.map((row, c) => row[c]),
});

/**
 * Precision = TP/(TP + FP), recall = TP/(TP + FN), F1 = their harmonic mean; 0 where there is nothing to divide by, as in
 * scikit-learn (`precision_recall_fscore_support`).
 */
export const scoresByClass = ({ support, called, hits }: ClassCounts): (Averages & { readonly support: number })[] =>
  hits.map((hit, c) => ({
    precision: ratio(hit, called[c]),
    recall: ratio(hit, support[c]),
    f1: ratio(2 * hit, support[c] + called[c]),
    support: support[c],
  }));

/**
 * With c of s samples right, t_k samples of class k and p_k called so (Gorodkin, "Comparing two K-category assignments by a
 * K-category correlation coefficient", 2004; Cohen, "A coefficient of agreement for nominal scales", 1960):
 *
 *     Matthews = (c·s − Σ t_k·p_k) / √((s² − Σ p_k²)(s² − Σ t_k²))
 *     kappa    = (c·s − Σ t_k·p_k) / (s² − Σ t_k·p_k)
 */
export function labelScores(counts: ClassCounts): LabelScores {
  const { support, called, hits } = counts;
  const byClass = scoresByClass(counts);
  const right = sum(hits);
  const all = sum(support);
  const mean = (key: keyof Averages) => ratio(sum(byClass.map((scores) => scores[key])), byClass.length);
  const weighted = (key: keyof Averages) => ratio(sum(byClass.map((scores) => scores[key] * scores.support)), all);
  const present = byClass.filter((scores) => scores.support > 0);
  const chance = sum(support.map((t, k) => t * called[k]));
  const spread = (values: readonly number[]) => all * all - sum(values.map((value) => value * value));
  return {
    accuracy: ratio(right, all),
    balancedAccuracy: ratio(sum(present.map(({ recall }) => recall)), present.length),
    macro: { precision: mean('precision'), recall: mean('recall'), f1: mean('f1') },
    weighted: { precision: weighted('precision'), recall: weighted('recall'), f1: weighted('f1') },
    matthews: ratio(right * all - chance, Math.sqrt(spread(called) * spread(support))),
    kappa: all * all === chance ? null : (right * all - chance) / (all * all - chance),
  };
}

export interface ConfusedPair {
  readonly truth: number;
  readonly predicted: number;
  readonly times: number;
  /** Of the true class's samples. */
  readonly share: number;
}

/** Which classes are taken for which, most often first. */
export const confusedPairs = (confusion: readonly (readonly number[])[]): ConfusedPair[] =>
  confusion
    .flatMap((row, truth) =>
      row.map((times, predicted) => ({ truth, predicted, times, share: times ? times / sum(row) : 0 })),
    )
    .filter(({ truth, predicted, times }) => truth !== predicted && times > 0)
    .sort((a, b) => b.times - a.times || b.share - a.share);
