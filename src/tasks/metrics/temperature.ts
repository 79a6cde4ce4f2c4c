import { Random } from '../../random.ts';
import type { Outcome } from './outcome.ts';
import { LEAST, tempered } from './probabilities.ts';

/** Upper limit. Beyond it, the logits hardly matter; below its inverse, only they do. */
const MOST = 2 ** 10;

/** Most probabilities for a fit: 4000 samples of 1000 classes. One number needs no more, and a fit of all could take minutes. */
const MOST_VALUES = 2 ** 22;

/** The samples for a fit: all, or evenly spaced ones. */
export function samplesToFit<O extends Pick<Outcome, 'probabilities'>>(outcomes: readonly O[]): readonly O[] {
  const values = outcomes.length * (outcomes[0]?.probabilities.length ?? 0);
  const step = Math.ceil(values / MOST_VALUES);
  return step > 1 ? outcomes.filter((_, i) => i % step === 0) : outcomes;
}

/**
 * The temperature T for which the probabilities softmax(z/T) have the smallest log loss (Guo et al., "On calibration of modern neural
 * networks", 2017). The loss is convex in β = 1/T: d/dβ = mean(Σ p_c·z_c − z_y), and d²/dβ² = mean variance of z under p. Uses Newton's
 * method within bounds. No prediction changes.
 *
 * @returns null if there is no such T: all samples are correct (any smaller T is better), or the model is no better than chance
 */
export function fitTemperature(outcomes: readonly Pick<Outcome, 'label' | 'probabilities'>[]): number | null {
  // Without the greatest, so that no power overflows. It changes neither the slope nor the curvature.
  const scores = samplesToFit(outcomes).map(({ probabilities, label }) => {
    const z = new Float64Array(probabilities.length);
    for (let c = 0; c < z.length; c++) z[c] = Math.log(Math.max(probabilities[c], LEAST));
    let greatest = Number.NEGATIVE_INFINITY;
    for (const value of z) if (value > greatest) greatest = value;
    for (let c = 0; c < z.length; c++) z[c] -= greatest;
    return { z, label };
  });
  const slopeAt = (beta: number) => {
    let slope = 0;
    let curvature = 0;
    for (const { z, label } of scores) {
      let total = 0;
      let first = 0;
      let second = 0;
      for (const value of z) {
        const p = Math.exp(beta * value);
        total += p;
        first += p * value;
        second += p * value * value;
      }
      const mean = first / total;
      slope += mean - z[label];
      curvature += second / total - mean * mean;
    }
    return { slope: slope / scores.length, curvature: curvature / scores.length };
  };
  let low = 1 / MOST;
  let high = MOST;
  if (!(slopeAt(low).slope < 0 && slopeAt(high).slope > 0)) return null;
  let beta = 1;
  for (let i = 0; i < 100; i++) {
    const { slope, curvature } = slopeAt(beta);
    if (slope < 0) low = beta;
    else high = beta;
    const newton = beta - slope / curvature;
    // Before the bounds: at the minimum, the next value can be the bound itself.
    if (Math.abs(newton - beta) <= 1e-12 * beta) break;
    beta = newton > low && newton < high ? newton : Math.sqrt(low * high);
  }
  return 1 / beta;
}

/**
 * Outcomes at temperatures from cross-validation: each part uses the temperature fitted on all other parts. So their scores estimate the
 * effect on new samples if there is no other data.
 */
export function crossFitted<O extends Outcome>(
  outcomes: readonly O[],
  { seed, parts = 5 }: { readonly seed: number; readonly parts?: number },
): O[] {
  const order = new Random(seed, 'parts').shuffle([...outcomes.keys()]);
  const part = new Uint32Array(outcomes.length);
  order.forEach((index, place) => {
    part[index] = place % parts;
  });
  const temperatures = Array.from({ length: parts }, (_, k) =>
    fitTemperature(outcomes.filter((_, i) => part[i] !== k)),
  );
  return outcomes.map((outcome, i) => ({
    ...outcome,
    probabilities: tempered(outcome.probabilities, temperatures[part[i]] ?? 1),
  }));
}
