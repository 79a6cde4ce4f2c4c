/** Scores of probabilities: whether they match the accuracy. */
import type { Outcome } from './outcome.ts';

type Labelled = Pick<Outcome, 'label' | 'probabilities'>;

const mean = (outcomes: readonly Labelled[], of: (outcome: Labelled) => number): number =>
  outcomes.length ? outcomes.reduce((all, outcome) => all + of(outcome), 0) / outcomes.length : 0;

/**
 * Mean of −ln p of the true class, in nats.
 *
 * @param least lower bound for p; default: scikit-learn's 2⁻⁵²
 */
export const logLoss = (outcomes: readonly Labelled[], least = 2 ** -52): number =>
  mean(outcomes, ({ probabilities, label }) => -Math.log(Math.max(probabilities[label], least)));

/**
 * Mean of Σ (p_c − y_c)² over all classes c, equal to 1 − 2·p_y + Σ p_c². 0 is best, 2 is worst (Brier, "Verification of forecasts expressed
 * in terms of probability", 1950).
 */
export const brier = (outcomes: readonly Labelled[]): number =>
  mean(outcomes, ({ probabilities, label }) => {
    let all = 1 - 2 * probabilities[label];
    for (const p of probabilities) all += p * p;
    return all;
  });

/** Samples with a confidence above `low` and at most `high`. */
export interface CalibrationBin {
  readonly low: number;
  readonly high: number;
  readonly count: number;
  /** Mean confidence, and accuracy; 0 without samples. */
  readonly confidence: number;
  readonly accuracy: number;
}

export interface Calibration {
  /** Mean of |accuracy − confidence| over the bins, weighted by their samples: the expected calibration error. */
  readonly error: number;
  /** The maximum over the bins. */
  readonly worst: number;
  readonly bins: readonly CalibrationBin[];
}

/** Guo et al., "On calibration of modern neural networks", 2017: bins of equal width, 15 by default. */
export function calibration(outcomes: readonly Outcome[], bins = 15): Calibration {
  const sums = Array.from({ length: bins }, () => ({ count: 0, confidence: 0, right: 0 }));
  for (const { probabilities, predicted, label } of outcomes) {
    const confidence = probabilities[predicted];
    // The product of a float32 and a small integer is exact.
    const sum = sums[Math.max(0, Math.ceil(confidence * bins) - 1)];
    sum.count++;
    sum.confidence += confidence;
    sum.right += predicted === label ? 1 : 0;
  }
  const filled = sums.map(({ count, confidence, right }, i) => ({
    low: i / bins,
    high: (i + 1) / bins,
    count,
    confidence: count ? confidence / count : 0,
    accuracy: count ? right / count : 0,
  }));
  const gap = ({ accuracy, confidence }: CalibrationBin) => Math.abs(accuracy - confidence);
  return {
    error: filled.reduce((all, bin) => all + bin.count * gap(bin), 0) / Math.max(1, outcomes.length),
    worst: Math.max(...filled.map(gap)),
    bins: filled,
  };
}

/** The smallest float32 above 0. It replaces probabilities that were rounded to 0 in logarithms. */
export const LEAST = 2 ** -149;

/** Probabilities at a temperature T: softmax(z/T) for logits z with softmax(z) = p, which is p^(1/T) divided by its sum. */
export function tempered(probabilities: Float32Array, temperature: number): Float32Array {
  if (temperature === 1) return probabilities;
  const greatest = Math.log(probabilities.reduce((a, b) => Math.max(a, b), LEAST));
  const powers = new Float64Array(probabilities.length);
  let total = 0;
  for (let c = 0; c < powers.length; c++) {
    powers[c] = Math.exp((Math.log(Math.max(probabilities[c], LEAST)) - greatest) / temperature);
    total += powers[c];
  }
  return new Float32Array(powers.map((power) => power / total));
}
