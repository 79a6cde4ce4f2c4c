/** From which distance on a sample is unknown. */

/** Fewest validation samples for a threshold: with fewer, their spread is unknown. */
export const LEAST_KNOWN = 3;

/** The rate of false alarms unless the user sets another. */
export const USUAL_RATE = 0.05;

/**
 * The distance that a new sample of the classes exceeds with the probability `rate`. With N + 1 ≥ 1/rate samples, it is the
 * ⌈(N + 1)·(1 − rate)⌉-th of their distances, whatever the distribution is (Vovk, Gammerman and Shafer, "Algorithmic learning in a random
 * world", 2005, section 2.2). With fewer samples, none of their distances is far enough: then it is the prediction bound of a log-normal
 * distribution, mean + t·s·√(1 + 1/N) of the logarithms.
 *
 * @param known distances of validation samples, ascending; at least `LEAST_KNOWN`
 */
export function thresholdOf(known: readonly number[], rate: number): number {
  const samples = known.length;
  const place = Math.ceil((samples + 1) * (1 - rate) - 1e-9);
  if (place <= samples) return known[Math.max(0, place - 1)];
  const { mean, deviation } = logarithms(known);
  const bound = mean + studentQuantile(1 - rate, samples - 1) * deviation * Math.sqrt(1 + 1 / samples);
  return Math.max(Math.exp(bound), known[samples - 1]);
}

/** Mean and standard deviation of the logarithms. */
function logarithms(known: readonly number[]) {
  const logs = known.map((distance) => Math.log(Math.max(distance, Number.MIN_VALUE)));
  const mean = logs.reduce((all, value) => all + value, 0) / logs.length;
  const variance = logs.reduce((all, value) => all + (value - mean) ** 2, 0) / (logs.length - 1);
  return { mean, deviation: Math.sqrt(variance) };
}

/** The standard deviation of the logarithms of distances; distances can all be equal. */
export const spreadOf = (known: readonly number[]): number => Math.max(logarithms(known).deviation, 1e-3);

const STEPS = 4000;

/**
 * Quantile of Student's t distribution, for probabilities above ½. With x = √ν·tan θ, its density is cosᵛ⁻¹ θ, which the midpoint rule
 * integrates.
 */
export function studentQuantile(probability: number, freedom: number): number {
  const width = Math.PI / 2 / STEPS;
  const heights = Array.from({ length: STEPS }, (_, i) => Math.cos((i + 0.5) * width) ** (freedom - 1));
  const total = heights.reduce((all, height) => all + height, 0);
  let left = (2 * probability - 1) * total;
  for (const [i, height] of heights.entries()) {
    if (height >= left) return Math.sqrt(freedom) * Math.tan((i + left / height) * width);
    left -= height;
  }
  return Number.POSITIVE_INFINITY;
}
