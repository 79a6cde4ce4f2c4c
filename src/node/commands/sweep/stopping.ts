/** Which trials go on: rules that look at how good each was after how many epochs. Larger is better throughout. */

/**
 * The epochs after which successive halving compares, the last being when all is done: E, E/η, E/η², … backwards, as far as there are trials
 * to leave behind (Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization", 2016).
 *
 * @param first the fewest epochs that tell anything
 * @param keep η: one of so many trials goes on
 */
export function rungs(epochs: number, trials: number, first: number, keep: number): number[] {
  const cuts = Math.max(1, Math.floor(Math.log(trials) / Math.log(keep) + 1e-9));
  const all = [epochs];
  while (all.length <= cuts && epochs / keep ** all.length >= first) all.push(Math.round(epochs / keep ** all.length));
  return [...new Set(all)].reverse();
}

/** The places of those that go on after a rung: the best 1/η of them, one at least. */
export function best(values: readonly number[], keep: number): number[] {
  const order = values.map((_, i) => i).sort((a, b) => values[b] - values[a] || a - b);
  return order.slice(0, Math.ceil(values.length / keep));
}

/** Fewer others than these make no median. */
const FEWEST = 3;

/**
 * The median stopping rule (Golovin et al., "Google Vizier: a service for black-box optimization", 2017): a trial stops after an epoch
 * where its best so far is worse than the median of the others' averages over their epochs up to then.
 *
 * @param course of the trial: its values after each epoch
 * @param others courses of those before it; shorter ones do not count
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
