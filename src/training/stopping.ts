import { selectionText } from '../compiler/surgery/index.ts';
import { bestMerit, type Metric, merit } from '../tasks/index.ts';
import type { StageConfig, TrainingConfig } from './config.ts';
import type { Decision } from './decision.ts';
import type { EpochRow, StopReason } from './events.ts';
import type { Progress } from './progress.ts';

/** The time of epochs. */
export const secondsOf = (rows: Progress['rows']): number => rows.reduce((all, { seconds }) => all + seconds, 0);

/** Whether one more epoch, as long as the last one, would take the training above its time. */
export const isOutOfTime = ({ minutes }: Pick<TrainingConfig, 'minutes'>, { rows }: Progress): boolean =>
  minutes !== undefined && rows.length > 0 && secondsOf(rows) + rows[rows.length - 1].seconds > 60 * minutes;

/** The rules that end a training, besides its stages. */
export interface StoppingRules {
  readonly config: Pick<TrainingConfig, 'target' | 'minutes' | 'patience' | 'stopWhenPerfect'>;
  readonly metric: Metric;
  /** Number of validation samples. */
  readonly validation: number;
}

/** Why a stage ends after its last epoch so far; undefined if it continues. */
export function stopReason(stage: StageConfig, rules: StoppingRules, progress: Progress): StopReason | undefined {
  const { metric, config } = rules;
  const { target, patience } = config;
  const { rows, stageEpoch, stale } = progress;
  if (stageEpoch === 0) return undefined;
  const reaches = (goal: number | undefined) =>
    goal !== undefined && merit(metric, rows.at(-1)!.val) >= merit(metric, { [metric.key]: goal });
  if (reaches(target)) return 'target';
  if (config.stopWhenPerfect && leftIn(progress).length && isLearned(rules, rows)) return 'perfect';
  if (reaches(stage.until)) return 'until';
  const limit = stage.patience ?? patience;
  if (limit !== undefined && stale >= limit) return 'plateau';
  if (stageEpoch >= stage.epochs) return 'finished';
  return isOutOfTime(config, progress) ? 'minutes' : undefined;
}

/** Epochs that must be perfect and bring nothing. */
const SETTLED = 5;
/** A smaller validation set is often perfect by chance. */
const FEWEST = 10;
/** A loss falls if it gets better by these parts of its best value and of its first value. */
const FALL = { ofBest: 0.02, ofFirst: 0.002 };

/**
 * Whether nothing is left to learn: the last epochs, over all stages, were perfect in validation, and neither the training loss nor the
 * validation loss fell.
 */
function isLearned({ metric, validation }: StoppingRules, rows: readonly EpochRow[]): boolean {
  const [before, last] = [rows.slice(0, -SETTLED), rows.slice(-SETTLED)];
  if (!before.length || validation < FEWEST) return false;
  const settled = (split: 'train' | 'val') => {
    const lowest = (some: readonly EpochRow[]) => Math.min(...some.map((row) => row[split].loss));
    const best = lowest(before);
    return best - lowest(last) < Math.max(FALL.ofBest * best, FALL.ofFirst * rows[0][split].loss);
  };
  return last.every(({ val }) => merit(metric, val) >= bestMerit(metric)) && settled('train') && settled('val');
}

/** The planned stages with the epochs that they still have. */
const leftIn = ({ stages, stage, stageEpoch }: Progress): StageConfig[] =>
  (stages ?? [])
    .slice(stage)
    .map((planned, i) => ({ ...planned, epochs: i === 0 ? planned.epochs - stageEpoch : planned.epochs }))
    .filter(({ epochs }) => epochs > 0);

/** The end of a training with nothing left to learn, and what it leaves out. */
export function learnedDecision({ title }: Metric, progress: Progress): Decision {
  const left = leftIn(progress);
  const epochs = left.reduce((all, stage) => all + stage.epochs, 0);
  const parts = left.map((stage) => `${selectionText(stage.train)} for ${stage.epochs}`);
  return {
    decision: 'stop',
    stage: progress.stage + 1,
    epoch: progress.epoch,
    message: `the validation ${title} is perfect, and the losses no longer fall: training ends ${epochs} ${epochs === 1 ? 'epoch' : 'epochs'} before its plan (${parts.join(', ')})`,
  };
}
