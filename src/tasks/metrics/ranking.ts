/** Scores of the order that probabilities put samples in, one class against the rest. */
import type { Outcome } from './outcome.ts';

type Said = Pick<Outcome, 'label' | 'probabilities'>;

/** Samples of a class and of all others with at least each probability that occurs, the greatest first. */
export interface Ranking {
  readonly truePositives: readonly number[];
  readonly falsePositives: readonly number[];
}

/** Probabilities of a class, the smallest first, of the samples that are of it or of those that are not. */
function sortedScores(outcomes: readonly Said[], of: number, positive: boolean): Float32Array {
  const scores = new Float32Array(outcomes.length);
  let length = 0;
  for (const { label, probabilities } of outcomes)
    if ((label === of) === positive) scores[length++] = probabilities[of];
  return scores.subarray(0, length).sort();
}

/** Samples with equal probabilities are one step: no order among them is made up. */
export function ranking(outcomes: readonly Said[], of: number): Ranking {
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

/** Area under the ROC curve, by the trapezoid rule; null where the class, or everything else, has no samples. */
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

/** Σ (R_n − R_{n−1})·P_n over the thresholds: not interpolated, so not too bright. Null where the class has no samples. */
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

/** From (0, 0) to (1, 1), without the points that lie on a line between their neighbours. Null where `areaUnderRoc` is. */
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

/** From recall 0, with the precision 1 of saying nothing, to the recall 1 of the last threshold. Null where there is nothing to recall. */
export function precisionRecallCurve({ truePositives, falsePositives }: Ranking): PrecisionRecallCurve | null {
  const positives = total(truePositives);
  if (positives === 0) return null;
  return {
    precision: [1, ...truePositives.map((tp, i) => tp / (tp + falsePositives[i]))],
    recall: [0, ...truePositives.map((tp) => tp / positives)],
  };
}

/** The mean of those that are defined; null where none is. */
export function meanDefined(values: readonly (number | null)[]): number | null {
  const defined = values.filter((value) => value !== null);
  return defined.length ? defined.reduce((all, value) => all + value, 0) / defined.length : null;
}

/**
 * Place of the true class among the classes by probability, from 0. Of equal ones the first class comes first, as in what is
 * predicted. (scikit-learn's `top_k_accuracy_score` takes the last class first, so that its top 1 need not be the accuracy.)
 */
export function rankOf({ probabilities, label }: Said): number {
  const own = probabilities[label];
  let rank = 0;
  for (let c = 0; c < probabilities.length; c++) {
    const p = probabilities[c];
    if (p > own || (p === own && c < label)) rank++;
  }
  return rank;
}

/** Part of the samples whose class is among the `k` most probable, from `rankOf` each; 0 of nothing. */
export const topK = (ranks: readonly number[], k: number): number =>
  ranks.length ? ranks.filter((rank) => rank < k).length / ranks.length : 0;
