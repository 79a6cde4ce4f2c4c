/** Scores of the ranking of samples by probability, one-vs-rest. */
import type { Outcome } from './outcome.ts';

type Labelled = Pick<Outcome, 'label' | 'probabilities'>;

/** Number of samples of a class, and of all others, above each distinct probability, in descending order. */
export interface Ranking {
  readonly truePositives: readonly number[];
  readonly falsePositives: readonly number[];
}

/** Sorted probabilities of a class, over its samples or over all others. */
function sortedScores(outcomes: readonly Labelled[], of: number, positive: boolean): Float32Array {
  const scores = new Float32Array(outcomes.length);
  let length = 0;
  for (const { label, probabilities } of outcomes)
    if ((label === of) === positive) scores[length++] = probabilities[of];
  return scores.subarray(0, length).sort();
}

/** Samples with equal probabilities form one step, so that no order among them is invented. */
export function ranking(outcomes: readonly Labelled[], of: number): Ranking {
  const positives = sortedScores(outcomes, of, true);
  const negatives = sortedScores(outcomes, of, false);
  const truePositives: number[] = [];
  const falsePositives: number[] = [];
  for (let p = positives.length, n = negatives.length; p > 0 || n > 0; ) {
    const threshold = Math.max(p ? positives[p - 1] : -1, n ? negatives[n - 1] : -1);
    while (p > 0 && positives[p - 1] === threshold) p--;
    while (n > 0 && negatives[n - 1] === threshold) n--;
    truePositives.push(positives.length - p);
    falsePositives.push(negatives.length - n);
  }
  return { truePositives, falsePositives };
}

const total = (counts: readonly number[]): number => counts[counts.length - 1] ?? 0;

/** Area under the ROC curve by the trapezoid rule; null if the class, or all others, have no samples. */
export function areaUnderRoc({ truePositives, falsePositives }: Ranking): number | null {
  const all = total(truePositives) * total(falsePositives);
  if (all === 0) return null;
  let area = 0;
  truePositives.forEach((tp, i) => {
    const [before, across] = i ? [truePositives[i - 1], falsePositives[i - 1]] : [0, 0];
    area += ((falsePositives[i] - across) * (tp + before)) / 2;
  });
  return area / all;
}

/** Σ (R_n − R_{n−1})·P_n over the thresholds. Without interpolation, so it is not optimistic. Null if the class has no samples. */
export function averagePrecision({ truePositives, falsePositives }: Ranking): number | null {
  const all = total(truePositives);
  if (all === 0) return null;
  return truePositives.reduce((area, tp, i) => {
    const gained = tp - (i ? truePositives[i - 1] : 0);
    return gained ? area + (gained / all) * (tp / (tp + falsePositives[i])) : area;
  }, 0);
}

export interface RocCurve {
  readonly falsePositiveRate: readonly number[];
  readonly truePositiveRate: readonly number[];
}

/** From (0, 0) to (1, 1), without points on a line between their neighbours. Null if `areaUnderRoc` is null. */
export function rocCurve({ truePositives, falsePositives }: Ranking): RocCurve | null {
  const positives = total(truePositives);
  const negatives = total(falsePositives);
  if (positives * negatives === 0) return null;
  const last = truePositives.length - 1;
  const bends = (counts: readonly number[], i: number) => counts[i + 1] - counts[i] !== counts[i] - counts[i - 1];
  const kept = [...truePositives.keys()].filter(
    (i) => i === 0 || i === last || bends(truePositives, i) || bends(falsePositives, i),
  );
  return {
    falsePositiveRate: [0, ...kept.map((i) => falsePositives[i] / negatives)],
    truePositiveRate: [0, ...kept.map((i) => truePositives[i] / positives)],
  };
}

export interface PrecisionRecallCurve {
  readonly precision: readonly number[];
  readonly recall: readonly number[];
}

/** From recall 0 with precision 1 to the recall 1 of the last threshold. Null if the class has no samples. */
export function precisionRecallCurve({ truePositives, falsePositives }: Ranking): PrecisionRecallCurve | null {
  const positives = total(truePositives);
  if (positives === 0) return null;
  return {
    precision: [1, ...truePositives.map((tp, i) => tp / (tp + falsePositives[i]))],
    recall: [0, ...truePositives.map((tp) => tp / positives)],
  };
}

/** The mean of the defined values; null if there are none. */
export function meanDefined(values: readonly (number | null)[]): number | null {
  const defined = values.filter((value) => value !== null);
  return defined.length ? defined.reduce((all, value) => all + value, 0) / defined.length : null;
}

/**
 * Rank of the true class by probability, from 0. Ties go to the first class, as in predictions. (In scikit-learn's `top_k_accuracy_score`,
 * they go to the last class, so its top 1 can differ from the accuracy.)
 */
export function rankOf({ probabilities, label }: Labelled): number {
  const own = probabilities[label];
  let rank = 0;
  for (let c = 0; c < probabilities.length; c++) {
    const p = probabilities[c];
    if (p > own || (p === own && c < label)) rank++;
  }
  return rank;
}

/** Fraction of samples with their class among the `k` most probable, from their `rankOf`; 0 without samples. */
export const topK = (ranks: readonly number[], k: number): number =>
  ranks.length ? ranks.filter((rank) => rank < k).length / ranks.length : 0;
