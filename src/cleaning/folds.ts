import { Random } from '../random.ts';

export interface FoldRequest {
  readonly labels: readonly number[];
  readonly folds: number;
  readonly seed: number;
  /** Samples of the same group share a fold, such as duplicates. Default: each sample alone. */
  readonly groups?: readonly number[];
}

/** The fold of each sample: every class is spread evenly, in random order. */
export function foldsOf({ labels, folds, seed, groups = [...labels.keys()] }: FoldRequest): number[] {
  const members = new Map<number, number[]>();
  for (const [i, group] of groups.entries()) {
    const known = members.get(group);
    if (known) known.push(i);
    else members.set(group, [i]);
  }
  const perClass = new Map<number, number[]>();
  const sizes = new Array<number>(folds).fill(0);
  const result = new Array<number>(labels.length);
  // Large groups first, because they are harder to place.
  const order = new Random(seed, 'folds').shuffle([...members.values()]).sort((a, b) => b.length - a.length);
  for (const group of order) {
    const own = [...new Set(group.map((i) => labels[i]))].map((label) => {
      const counts = perClass.get(label) ?? new Array<number>(folds).fill(0);
      perClass.set(label, counts);
      return counts;
    });
    const filled = (fold: number) => own.reduce((all, counts) => all + counts[fold], 0);
    let best = 0;
    for (let fold = 1; fold < folds; fold++) {
      const difference = filled(fold) - filled(best) || sizes[fold] - sizes[best];
      if (difference < 0) best = fold;
    }
    for (const i of group) {
      result[i] = best;
      perClass.get(labels[i])![best]++;
    }
    sizes[best] += group.length;
  }
  return result;
}
