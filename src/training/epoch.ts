import type { Batch } from '../data/index.ts';
import type { Task, TaskOutcome } from '../tasks/index.ts';
import type { StageConfig } from './config.ts';
import type { StepEvent } from './events.ts';
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
