/** The layers that an adaptive plan trains, from stage to stage. */
import { lastGroups, SUGGESTED_GROUPS } from '../../compiler/surgery/index.ts';
import type { StageConfig } from '../config.ts';
import type { Reach } from './facts.ts';

/** After the suggested stages, each stage trains so many times the layer groups of the one before. */
const GROWTH = 2.5;

/** The most layer groups that a stage may train. */
export const limitOf = ({ config, most }: Pick<Reach, 'config' | 'most'>): number =>
  Math.min(config.thawMost ?? most, most);

/** The selection with the next more layer groups; undefined if there is none. */
export function widerThan(train: StageConfig['train'], reach: Reach): string | undefined {
  const selections = countsOf(reach).map((count) => lastGroups(count, reach.groups));
  return selections[selections.indexOf(String(train)) + 1];
}

/** Numbers of layer groups of the stages after the suggested ones, and of the stage before each. */
export function laterCounts(reach: Reach): { readonly before: number; readonly count: number }[] {
  const counts = countsOf(reach);
  return counts.map((count, i) => ({ before: counts[i - 1], count })).slice(SUGGESTED_GROUPS.length);
}

/** Numbers of layer groups, from the head to all that may train. */
function countsOf(reach: Reach): number[] {
  const limit = limitOf(reach);
  const counts = [...SUGGESTED_GROUPS];
  while (counts[counts.length - 1] < limit) counts.push(Math.ceil(counts[counts.length - 1] * GROWTH));
  return [...new Set(counts.map((count) => Math.max(1, Math.min(count, limit))))];
}
