import type { LayerGroup } from './groups.ts';

export interface SuggestedStage {
  readonly train: string;
  readonly epochs: number;
}

/** Gradual thawing: the new head alone first, so that its random start does not spoil what lies below; then two groups, then seven more. */
export function suggestPlan(groups: readonly LayerGroup[]): SuggestedStage[] {
  const stages = [
    { last: 1, epochs: 3 },
    { last: 3, epochs: 3 },
    { last: 8, epochs: 4 },
  ];
  const named = stages.map(({ last, epochs }) => ({
    train: last === 1 || groups.length < 2 ? 'head' : last >= groups.length ? 'all' : `last:${last}`,
    epochs,
  }));
  return named.filter(({ train }, i) => named.findIndex((other) => other.train === train) === i);
}
