/** How an epoch is divided into batches and updates, and the rate that the schedule has for each. */
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

  /** Learning rate of the head, and momentum where the schedule moves it. @param batch of the epoch under way, from 0 */
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

  /** What a batch's update needs to know. @param index of the batch in the epoch under way, from 0 */
  positionOf(stage: StageConfig, index: number, progress: Progress) {
    const { accumulate } = this.config;
    const update = (batch: number) => Math.floor(batch / accumulate);
    return {
      ...this.ratesAt(stage, index, progress),
      step: progress.step + 1 + update(index) - update(progress.batch),
      part: index % accumulate,
    };
  }

  /** Batches in the next run of a session, which ends with the update that it is part of. @param several that may be in one */
  inNextRun(several: number, { batch }: Progress): number {
    const { accumulate } = this.config;
    return accumulate === 1 ? several : Math.min(several, accumulate - (batch % accumulate));
  }
}
