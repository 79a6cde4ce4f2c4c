/** How an epoch is divided into batches and updates, and the learning rate of each. */
import type { BatchSource } from '../data/index.ts';
import type { Metric } from '../tasks/index.ts';
import type { StageConfig, TrainingConfig } from './config.ts';
import type { Progress } from './progress.ts';
import { rateFactor } from './rollback.ts';
import { scheduledMomentum, scheduleFactor } from './schedules.ts';

export class UpdateSchedule {
  readonly batchesPerEpoch: number;
  readonly updatesPerEpoch: number;

  constructor(
    { length }: Pick<BatchSource, 'length'>,
    private readonly config: TrainingConfig,
    private readonly metric: Metric,
  ) {
    this.batchesPerEpoch = Math.ceil(length / config.batch);
    this.updatesPerEpoch = Math.ceil(this.batchesPerEpoch / config.accumulate);
  }

  /** Learning rate of the head, and momentum if the schedule moves it. @param batch of the current epoch, from 0 */
  ratesAt(stage: StageConfig, batch: number, progress: Progress): { readonly lr: number; readonly momentum?: number } {
    const { config, metric, updatesPerEpoch: stepsPerEpoch } = this;
    const { stage: index, stageEpoch, rows } = progress;
    const moment = {
      step: stageEpoch * stepsPerEpoch + Math.floor(batch / config.accumulate),
      steps: stage.epochs * stepsPerEpoch,
      stepsPerEpoch,
      val: rows.filter((row) => row.stage === index + 1).map(({ val }) => val),
      metric,
    };
    const schedule = stage.schedule ?? config.schedule;
    const lr = (stage.lr ?? config.lr) * scheduleFactor(schedule, moment) * rateFactor(config, progress);
    return { lr, momentum: scheduledMomentum(schedule, moment) };
  }

  /** Learning rate of the epoch's last batch so far. */
  lastRate(stage: StageConfig, progress: Progress): number {
    return this.ratesAt(stage, Math.max(0, progress.batch - 1), progress).lr;
  }

  /** The place of a batch in the training, and its rates. @param index of the batch in the current epoch, from 0 */
  positionOf(stage: StageConfig, index: number, progress: Progress) {
    const { accumulate } = this.config;
    const update = (batch: number) => Math.floor(batch / accumulate);
    return {
      ...this.ratesAt(stage, index, progress),
      step: progress.step + 1 + update(index) - update(progress.batch),
      part: index % accumulate,
    };
  }

  /** Batches in the next run of a session. A run ends with the update that its batches are part of. @param most that may be in one */
  inNextRun(most: number, { batch }: Progress): number {
    const { accumulate } = this.config;
    return accumulate === 1 ? most : Math.min(most, accumulate - (batch % accumulate));
  }

  /** Whether a batch is the last one of its update. @param part number of the batch within the update, from 0 */
  completes(part: number): boolean {
    return part + 1 === this.config.accumulate;
  }

  /** Whether some batches of an update are done, and not all. */
  isWithinUpdate({ batch }: Progress): boolean {
    return batch % this.config.accumulate !== 0;
  }
}
