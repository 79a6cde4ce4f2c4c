import { Random } from '../random.ts';
import type { Sample } from './types.ts';

/** Compares by UTF-16 code units, which is the same on every machine, unlike a locale's order. */
export const byCodeUnits = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/**
 * Splits every class separately at random, so that both parts have all classes: `fraction` of each class, rounded, but at least one sample
 * and not all. Both parts keep the order of `samples`.
 *
 * @param samples in a machine-independent order
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

/**
 * The same for multi-label samples, with `targets` of 1 for their labels. The label with the fewest remaining samples is distributed first;
 * each sample goes to the part that needs it most (Sechidis et al., "On the stratification of multi-label data", 2011). Samples without a
 * label come last, at random.
 */
export function splitByLabels(
  samples: readonly Sample[],
  fraction: number,
  seed: number,
): { train: Sample[]; val: Sample[] } {
  const order = new Random(seed, 'split').shuffle([...samples.keys()]);
  const labelsOf = samples.map(({ targets = [] }) => [...targets.keys()].filter((label) => targets[label] > 0));
  const width = samples[0]?.targets?.length ?? 0;
  const remaining = new Array<number>(width).fill(0);
  for (const label of labelsOf.flat()) remaining[label]++;
  const wanted = remaining.map((count) => fraction * count);
  const missing = remaining.map((count) => (1 - fraction) * count);
  const held = new Set<number>();
  const left = new Set(order);
  let room = Math.round(fraction * samples.length);
  const place = (index: number, label?: number) => {
    const here =
      label === undefined ? room > 0 : wanted[label] > 0 && wanted[label] * (1 - fraction) >= missing[label] * fraction;
    left.delete(index);
    if (here) {
      held.add(index);
      room--;
    }
    for (const own of labelsOf[index]) {
      (here ? wanted : missing)[own]--;
      remaining[own]--;
    }
  };
  for (;;) {
    const counts = remaining.map((count) => count || Number.POSITIVE_INFINITY);
    const rarest = counts.indexOf(Math.min(...counts));
    if (width === 0 || counts[rarest] === Number.POSITIVE_INFINITY) break;
    for (const index of [...left].filter((i) => labelsOf[i].includes(rarest))) place(index, rarest);
  }
  for (const index of left) place(index);
  return { train: samples.filter((_, i) => !held.has(i)), val: samples.filter((_, i) => held.has(i)) };
}
