/** The layers that an adaptive plan trains, from stage to stage, and the stages that it begins with. */
import { lastGroups } from '../../compiler/surgery/index.ts';
import type { StageConfig } from '../config.ts';
import { shareEpochs } from '../share-epochs.ts';
import type { Reach } from './facts.ts';

/** How often the first stages show the images of a class, on average. */
const SHOWN = 300;
/** Limits of their epochs. */
const FIRST = { least: 10, most: 30 };

/** Epochs of a plan that does not say how many: ten, or more if ten would show few images of each class. */
export const usualEpochs = (samples: number, classes: number): number =>
  Math.min(Math.max(Math.ceil((SHOWN * classes) / Math.max(1, samples)), FIRST.least), FIRST.most);

/** Layer groups that the first stages train. */
const FIRST_COUNTS = [1, 3, 8];
export const FIRST_GROUPS = Math.max(...FIRST_COUNTS);
/** Each further stage trains so many times the layer groups of the one before. */
const GROWTH = 2.5;

/**
 * Factor on the learning rate in the later stages of a gradual plan, after the new head was trained at the whole rate. fastai's `fine_tune`
 * halves it too; docs/defaults.md compares other factors.
 */
export const THAWED_RATE = 0.5;

/**
 * The first stages: the head, then a few groups, then more. They are decided before the training.
 *
 * @param usual number of epochs, by the data
 */
export function firstStages(reach: Reach, usual: number = FIRST.least): StageConfig[] {
  const { config, groups } = reach;
  const selections = countsOf(reach)
    .slice(0, FIRST_COUNTS.length)
    .map((count) => lastGroups(count, groups));
  const stages = shareEpochs(selections, Math.min(config.epochs ?? usual, usual));
  return stages.map((stage, i) => ({ ...stage, lr: i ? config.lr * THAWED_RATE : config.lr }));
}

/** Numbers of layer groups that stages after the first ones may train. */
export const laterCounts = (reach: Reach): number[] => countsOf(reach).slice(FIRST_COUNTS.length);

/** The selection with the next more layer groups; undefined if there is none. */
export function widerThan(train: StageConfig['train'], reach: Reach): string | undefined {
  const selections = countsOf(reach).map((count) => lastGroups(count, reach.groups));
  return selections[selections.indexOf(String(train)) + 1];
}

/** Numbers of layer groups, from the head to all that may train. */
function countsOf({ config, most }: Reach): number[] {
  const limit = Math.min(config.thawMost ?? most, most);
  const counts = [...FIRST_COUNTS];
  while (counts[counts.length - 1] < limit) counts.push(Math.ceil(counts[counts.length - 1] * GROWTH));
  return [...new Set(counts.map((count) => Math.max(1, Math.min(count, limit))))];
}
