import type { Sample } from './types.ts';

/** Number of samples of each class. Samples without a class do not count. */
export function labelCounts(samples: readonly Pick<Sample, 'label'>[], classes: number): number[] {
  const counts = new Array<number>(classes).fill(0);
  for (const { label } of samples) if (label in counts) counts[label]++;
  return counts;
}
