/** Which augmented view of each image an epoch shows, if the features of frozen layers are cached. */
import type { Metric } from '../tasks/index.ts';
import { isNear } from './adaptive/index.ts';
import type { TrainingConfig } from './config.ts';
import type { Progress } from './progress.ts';

/** Two sets of views take turns, so every second stage shows the same views. */
const SETS = 2;

/** Views of each image in a stage, unless a configuration says otherwise; docs/defaults.md has the experiments. */
const USUAL = 3;

type Setting = Pick<TrainingConfig, 'views'>;
type Place = Pick<Progress, 'stage' | 'stageEpoch' | 'epoch'>;

/** The most views of each image in a stage; 0 for a new view every epoch. */
export const viewsOf = ({ views }: Setting): number => (views === 'auto' ? USUAL : views);

/** The number of stages after which the views of a stage can return. */
export const stagesBetweenViews = ({ views }: Setting): number => (views === 'auto' ? 1 : SETS);

/**
 * The augmented view of each image in an epoch: the views of a stage take turns. The next stage has other views, because it trains more
 * layers and would overfit the same few. The stage after it has the first views again, whose features are cached.
 *
 * @param views views of each image in a stage; 0 for a new view every epoch
 */
export const viewOf = ({ stage, stageEpoch, epoch }: Place, views: number): number =>
  views ? (stage % SETS) * views + (stageEpoch % views) : epoch;

/**
 * The view in the current epoch. With `auto`, few validation errors end the new views: at once if a head trains alone, otherwise with the
 * stage, so that later stages share its views. An epoch is read while the one before it is validated, so that one does not count yet.
 *
 * @param headAlone whether nothing but the head trains, now and later
 */
export function currentView(
  config: Setting,
  metric: Metric,
  progress: Place & Pick<Progress, 'rows'>,
  headAlone: boolean,
): number {
  const views = viewsOf(config);
  const near = config.views === 'auto' ? progress.rows.find(({ val }) => isNear(metric, val)) : undefined;
  if (!near) return viewOf(progress, views);
  // The stages of rows are counted from 1.
  if (!headAlone) return near.stage <= progress.stage ? progress.stageEpoch % views : viewOf(progress, views);
  return viewOf(progress, progress.epoch <= near.epoch ? views : Math.min(views, near.epoch + 1));
}
