import { type Metric, merit } from '../tasks/index.ts';
import type { StageConfig, TrainingConfig } from './config.ts';
import type { StopReason } from './events.ts';
import type { Progress } from './progress.ts';

/** The time of epochs. */
export const secondsOf = (rows: Progress['rows']): number => rows.reduce((all, { seconds }) => all + seconds, 0);

/** Whether one more epoch, as long as the last one, would take the training above its time. */
export const isOutOfTime = ({ minutes }: Pick<TrainingConfig, 'minutes'>, { rows }: Progress): boolean =>
  minutes !== undefined && rows.length > 0 && secondsOf(rows) + rows[rows.length - 1].seconds > 60 * minutes;

/** Why a stage ends after its last epoch so far; undefined if it continues. */
export function stopReason(
  stage: StageConfig,
  training: Pick<TrainingConfig, 'target' | 'minutes' | 'patience'>,
  progress: Progress,
  metric: Metric,
): StopReason | undefined {
  const { target, patience } = training;
  const { rows, stageEpoch, stale } = progress;
  if (stageEpoch === 0) return undefined;
  const reaches = (goal: number | undefined) =>
    goal !== undefined && merit(metric, rows.at(-1)!.val) >= merit(metric, { [metric.key]: goal });
  if (reaches(target)) return 'target';
  if (reaches(stage.until)) return 'until';
  const limit = stage.patience ?? patience;
  if (limit !== undefined && stale >= limit) return 'plateau';
  if (stageEpoch >= stage.epochs) return 'finished';
  return isOutOfTime(training, progress) ? 'minutes' : undefined;
}
