import { type Metric, merit } from '../tasks/index.ts';
import type { StageConfig, TrainingConfig } from './config.ts';
import type { StopReason } from './events.ts';
import type { Progress } from './progress.ts';

/** The time of epochs. */
export const secondsOf = (rows: Progress['rows']): number => rows.reduce((all, { seconds }) => all + seconds, 0);

/** Why a stage ends after its last epoch so far; undefined if it continues. */
export function stopReason(
  stage: StageConfig,
  { target, minutes, patience }: Pick<TrainingConfig, 'target' | 'minutes' | 'patience'>,
  { rows, stageEpoch, stale }: Progress,
  metric: Metric,
): StopReason | undefined {
  if (minutes !== undefined && rows.length && secondsOf(rows) + rows.at(-1)!.seconds > 60 * minutes) return 'minutes';
  if (stageEpoch === 0) return undefined;
  const reaches = (goal: number | undefined) =>
    goal !== undefined && merit(metric, rows.at(-1)!.val) >= merit(metric, { [metric.key]: goal });
  if (reaches(target)) return 'target';
  if (reaches(stage.until)) return 'until';
  const limit = stage.patience ?? patience;
  if (limit !== undefined && stale >= limit) return 'plateau';
  return stageEpoch >= stage.epochs ? 'finished' : undefined;
}
