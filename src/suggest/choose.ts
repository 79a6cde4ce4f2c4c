import type { Doubt } from './doubt.ts';
import { typicalOfGroups } from './groups.ts';
import { kCentre } from './k-centre.ts';
import { rowsIn, rowsOf, type Vectors } from './vectors.ts';

/** How to choose. */
export const strategies = ['combined', 'margin', 'uncertainty', 'diversity'] as const;
export type Strategy = (typeof strategies)[number];

/** The inputs of each strategy. */
export const needs: Readonly<Record<Strategy, { readonly doubts: boolean; readonly features: boolean }>> = {
  combined: { doubts: true, features: true },
  margin: { doubts: true, features: false },
  uncertainty: { doubts: true, features: false },
  diversity: { doubts: false, features: true },
};

/** The unlabelled samples. */
export interface Candidates {
  readonly doubts?: readonly Doubt[];
  /** Rows of the length 1. */
  readonly features?: Vectors;
  /** Features of labelled samples, from which `diversity` keeps its distance. */
  readonly labelled?: Vectors;
}

export interface Choice {
  readonly sample: number;
  /** `diversity`: the distance from the nearest labelled or chosen sample; infinite for the first one if none is labelled. */
  readonly distance?: number;
}

/** Products of numbers that grouping may take: about ten seconds. */
const MOST_WORK = 1e10;
/** A sure sample has no weight, and all samples may be sure. */
const LEAST_WEIGHT = 1e-6;

/**
 * Chooses samples to label, the best first.
 *
 * - `uncertainty`: the largest entropy
 * - `margin`: the smallest margin between the two most probable classes
 * - `diversity`: k-centre over the features
 * - `combined`: groups by features, in which unsure samples weigh more (1 − margin); of each, the most typical sample
 */
export function choose(
  { doubts = [], features, labelled }: Candidates,
  { strategy, count, seed = 0 }: { readonly strategy: Strategy; readonly count: number; readonly seed?: number },
): Choice[] {
  const first = (merit: (doubt: Doubt) => number) =>
    ranked(doubts, merit)
      .slice(0, count)
      .map((sample) => ({ sample }));
  switch (strategy) {
    case 'uncertainty':
      return first(({ entropy }) => -entropy);
    case 'margin':
      return first(({ margin }) => margin);
    case 'diversity':
      return kCentre(features!, count, labelled);
    case 'combined': {
      const most = Math.max(20 * count, Math.floor(MOST_WORK / (10 * count * features!.size)));
      // Of very many samples, only the least sure ones.
      const among = rowsIn(features!) > most ? ranked(doubts, ({ margin }) => margin).slice(0, most) : undefined;
      const rows = among ? rowsOf(features!, among) : features!;
      const weights = (among?.map((i) => doubts[i]) ?? doubts).map(({ margin }) => 1 - margin + LEAST_WEIGHT);
      return typicalOfGroups(rows, weights, count, seed).map((row) => ({ sample: among?.[row] ?? row }));
    }
  }
}

/** Indices, the smallest value first. */
function ranked(doubts: readonly Doubt[], value: (doubt: Doubt) => number): number[] {
  const values = Float64Array.from(doubts, value);
  return Array.from(values.keys()).sort((a, b) => values[a] - values[b] || a - b);
}
