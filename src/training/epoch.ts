import type { Batch } from '../data/index.ts';
import type { Evaluated, Task, TaskOutcome } from '../tasks/index.ts';
import type { StageConfig } from './config.ts';
import type { Predictions } from './evaluator.ts';
import type { EpochRow, StepEvent } from './events.ts';
import { type Finding, findingsOf } from './findings.ts';
import { afterBatch, type Progress, withThawed } from './progress.ts';
import { type Fault, faultOf } from './rollback.ts';
import { addBatch, meanScores } from './running.ts';
import { inRuns } from './runs.ts';
import type { CompiledStage } from './stage.ts';
import type { UpdateSchedule } from './update-schedule.ts';

export interface EpochOptions<O extends TaskOutcome> {
  readonly stage: CompiledStage<O>;
  readonly config: StageConfig;
  readonly task: Task<O>;
  readonly updates: UpdateSchedule;
  /** Steps that may go into one run of the session. */
  readonly stepsPerRun: number;
}

/** Some steps of an epoch. */
export interface EpochPart {
  readonly progress: Progress;
  readonly events: readonly StepEvent[];
  /** If one of the losses went wrong. */
  readonly fault?: Fault;
}

/** Trains the batches that are left of an epoch, one run of the session after the other. */
export async function* trainEpoch<O extends TaskOutcome>(
  { stage, config, task, updates, stepsPerRun }: EpochOptions<O>,
  batches: AsyncIterable<Batch>,
  start: Progress,
): AsyncGenerator<EpochPart> {
  let progress = start;
  let asked = performance.now();
  for await (const run of inRuns(batches, () => updates.inNextRun(stepsPerRun, progress))) {
    const began = performance.now();
    const first = progress;
    const steps = run.map((batch, i) => ({ batch, ...updates.positionOf(config, first.batch + i, first) }));
    const results = await stage.train(steps);
    const last = steps[steps.length - 1];
    if (updates.completes(last.part)) await stage.update(last);

    const seconds = (ms: number) => ms / 1000 / steps.length;
    const [waited, computed] = [seconds(began - asked), seconds(performance.now() - began)];
    const events: StepEvent[] = [];
    let fault: Fault | undefined;
    for (const [i, { step, part, lr }] of steps.entries()) {
      const { loss, predictions } = results[i];
      const isUpdate = updates.completes(part);
      const scores = addBatch(progress.scores, task, loss, predictions);
      progress = afterBatch(progress, loss, scores, waited + computed, isUpdate);
      if (isUpdate) progress = withThawed(progress, stage.trainable);
      fault ??= faultOf(progress, { seen: 'training', step, lr, loss }, progress.level?.recent);
      const at = { epoch: progress.epoch + 1, step: progress.batch, steps: updates.batchesPerEpoch };
      const sofar = meanScores(scores, task);
      events.push({ type: 'step', ...at, loss, sofar, lr, samples: predictions.length, waited, computed });
    }
    yield { progress, events, fault };
    asked = performance.now();
  }
  if (updates.isWithinUpdate(progress)) {
    // Too few batches are left for a whole update.
    const rates = updates.ratesAt(config, progress.batch - 1, progress);
    await stage.update({ ...rates, step: progress.step + 1 });
    yield { progress: withThawed({ ...progress, step: progress.step + 1 }, stage.trainable), events: [] };
  }
}

export interface EpochResult {
  readonly row: EpochRow;
  readonly findings: readonly Finding[];
}

/** The row and the new findings of an epoch, by the predictions of the validation samples; a fault if their loss went wrong. */
export function epochResult<O extends TaskOutcome, E extends Evaluated>(
  task: Task<O, E>,
  { loss, predictions }: Predictions<O>,
  progress: Progress,
  own: Pick<EpochRow, 'lr' | 'trainable' | 'seconds'>,
): EpochResult | Fault {
  const { epoch, stage, step, scores, findings } = progress;
  const fault = faultOf(progress, { seen: 'validation', step, lr: own.lr, loss });
  if (fault) return fault;
  const evaluation = task.evaluation(predictions, loss);
  const row = {
    ...{ epoch: epoch + 1, stage: stage + 1, trainable: own.trainable, lr: own.lr },
    ...{ train: meanScores(scores, task), val: task.scores(evaluation), seconds: own.seconds },
  };
  return { row, findings: findingsOf(task, predictions, evaluation, row, findings) };
}
