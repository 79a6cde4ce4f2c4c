import type { LayerGroup } from './groups.ts';

export interface SuggestedStage {
  readonly train: string;
  readonly epochs: number;
}

const SUGGESTED = [
  { last: 1, epochs: 3 },
  { last: 3, epochs: 3 },
  { last: 8, epochs: 4 },
];

/** Numbers of layer groups that the suggested stages train. */
export const SUGGESTED_GROUPS: readonly number[] = SUGGESTED.map(({ last }) => last);

/**
 * Gradual thawing: first the new head alone, so that its random weights do not spoil the layers below; then two groups, then seven more.
 *
 * @param most the number of last groups that can be trained
 */
export function suggestPlan(groups: readonly LayerGroup[], most: number = groups.length): SuggestedStage[] {
  const named = SUGGESTED.map(({ last, epochs }) => ({
    train: lastGroups(Math.max(1, Math.min(last, most)), groups.length),
    epochs,
  }));
  return named.filter(({ train }, i) => named.findIndex((other) => other.train === train) === i);
}

/** The last groups as a selection: `head`, `last:3`, `all`. */
export const lastGroups = (count: number, groups: number): string =>
  count === 1 || groups < 2 ? 'head' : count >= groups ? 'all' : `last:${count}`;
