/** Which augmented view of each image an epoch shows, if the features of frozen layers are cached. */
import type { Metric } from '../tasks/index.ts';
import { isNear } from './adaptive/index.ts';
import type { TrainingConfig } from './config.ts';
import type { Progress } from './progress.ts';

/** Two sets of views take turns, so every second stage shows the same views. */
export const STAGES_BETWEEN_VIEWS = 2;

/** Views of each image in a stage, unless a configuration says otherwise; docs/defaults.md has the experiments. */
const USUAL = 3;

/** The most views of each image in a stage; 0 for a new view every epoch. */
export const viewsOf = ({ views }: Pick<TrainingConfig, 'views'>): number => (views === 'auto' ? USUAL : views);

/**
 * The augmented view of each image in an epoch: the views of a stage take turns. The next stage has other views, because it trains more
 * layers and would overfit the same few. The stage after it has the first views again, whose features are cached.
 *
 * @param views views of each image in a stage; 0 for a new view every epoch
 */
export const viewOf = (
  { stage, stageEpoch, epoch }: Pick<Progress, 'stage' | 'stageEpoch' | 'epoch'>,
  views: number,
): number => (views ? (stage % STAGES_BETWEEN_VIEWS) * views + (stageEpoch % views) : epoch);

/**
 * The view in the current epoch. With `auto`, a head that trains alone gets no new views as soon as there are few validation errors. An epoch
 * is read while the one before it is validated, so that one does not count yet.
 *
 * @param headAlone whether nothing but the head trains, now and later
 */
export function currentView(
  config: Pick<TrainingConfig, 'views'>,
  metric: Metric,
  progress: Pick<Progress, 'stage' | 'stageEpoch' | 'epoch' | 'rows'>,
  headAlone: boolean,
): number {
  const views = viewsOf(config);
  const near = config.views === 'auto' && headAlone ? progress.rows.find(({ val }) => isNear(metric, val)) : undefined;
  if (!near || progress.epoch <= near.epoch) return viewOf(progress, views);
  return viewOf(progress, Math.min(views, near.epoch + 1));
}
