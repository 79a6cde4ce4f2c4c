import { Random } from '../random.ts';
import type { Sample } from './types.ts';

/** Order by UTF-16 code units: the same on every machine, unlike a locale's. */
export const byCodeUnits = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/**
 * Splits every class by itself, at random, so that both parts have all classes: `fraction` of each class, rounded, at least one
 * picture and not all of them. Both parts keep the order of `samples`.
 *
 * @param samples in an order that does not depend on the machine
 */
export function stratifiedSplit(
  samples: readonly Sample[],
  fraction: number,
  seed: number,
): { train: Sample[]; val: Sample[] } {
  const byClass = new Map<number, number[]>();
  for (const [i, { label }] of samples.entries()) {
    const indices = byClass.get(label);
    if (indices) indices.push(i);
    else byClass.set(label, [i]);
  }
  const held = new Set<number>();
  for (const [label, indices] of byClass) {
    const count = fraction === 0 ? 0 : Math.min(indices.length - 1, Math.max(1, Math.round(indices.length * fraction)));
    for (const index of new Random(seed, 'split', label).shuffle(indices).slice(0, count)) held.add(index);
  }
  return { train: samples.filter((_, i) => !held.has(i)), val: samples.filter((_, i) => held.has(i)) };
}
