/** Rules that decide which trials continue, from their scores after each epoch. Larger scores are better. */

/**
 * The epochs at which successive halving compares trials: E, E/η, E/η², … in ascending order, as many as the number of trials allows
 * (Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization", 2016).
 *
 * @param first minimum epochs before a comparison
 * @param keep η: one of this many trials continues
 */
export function rungs(epochs: number, trials: number, first: number, keep: number): number[] {
  const cuts = Math.max(1, Math.floor(Math.log(trials) / Math.log(keep) + 1e-9));
  const all = [epochs];
  while (all.length <= cuts && epochs / keep ** all.length >= first) all.push(Math.round(epochs / keep ** all.length));
  return [...new Set(all)].reverse();
}

/** Indices of the trials that continue after a rung: the best 1/η, at least one. */
export function best(values: readonly number[], keep: number): number[] {
  const order = values.map((_, i) => i).sort((a, b) => values[b] - values[a] || a - b);
  return order.slice(0, Math.ceil(values.length / keep));
}

/** Minimum number of other trials for a median. */
const FEWEST = 3;

/**
 * The median stopping rule (Golovin et al., "Google Vizier: a service for black-box optimization", 2017): stops a trial after an epoch if
 * its best value is worse than the median of the other trials' averages up to that epoch.
 *
 * @param course the trial's values after each epoch
 * @param others the values of earlier trials; those with fewer epochs are ignored
 */
export function isBelowMedian(course: readonly number[], others: readonly (readonly number[])[]): boolean {
  const epochs = course.length;
  const averages = others
    .filter((other) => other.length >= epochs)
    .map((other) => other.slice(0, epochs).reduce((all, value) => all + value, 0) / epochs)
    .sort((a, b) => a - b);
  if (averages.length < FEWEST) return false;
  const middle = Math.floor(averages.length / 2);
  const median = averages.length % 2 ? averages[middle] : (averages[middle - 1] + averages[middle]) / 2;
  return Math.max(...course) < median;
}
