/** The events of a training: plain data, so that they can cross a worker's boundary or become lines of JSON. */
import type { Evaluation, Scores } from '../tasks/index.ts';

import type { Decision } from './decision.ts';
import type { Finding } from './findings.ts';
import type { Rollback } from './rollback.ts';

export type { AssessedClass, Assessment, ClassOutcome, ClassScores, Evaluation, Scores } from '../tasks/index.ts';

/** One row of `metrics.jsonl`. */
export interface EpochRow {
  /** Counted from 1 over the whole run. */
  readonly epoch: number;
  /** Counted from 1. */
  readonly stage: number;
  /** Number of trainable parameter elements. */
  readonly trainable: number;
  /** Learning rate of the head at the epoch's last step. */
  readonly lr: number;
  readonly train: Scores;
  readonly val: Scores;
  readonly seconds: number;
}

/** A stage that is about to run, and the layers of this model that it trains. */
export interface StageInfo {
  /** Counted from 1. */
  readonly stage: number;
  readonly stages: number;
  /** The selection as configured (`head`, `last:2`, …), without repeats. The parts of a list are separated by a comma and a space. */
  readonly train: string;
  /** Names of the layer groups with a trainable parameter, input side first. */
  readonly groups: readonly string[];
  /** Those of them with a parameter that no earlier stage trained. */
  readonly thawed: readonly string[];
  /** Trainable parameter elements. */
  readonly trainable: number;
  /** Frozen parameter elements. */
  readonly frozen: number;
  readonly epochs: number;
  readonly lr: number;
}

/** A stage in a plan: its selection of layers and its epochs. */
export interface StagePlan {
  readonly train: string;
  readonly epochs: number;
}

/**
 * `target`, `perfect` and `minutes` end the training; `until` and `plateau` end a stage before its last epoch. `perfect`: the validation metric
 * is perfect, and the losses no longer fall.
 */
export const STOP_REASONS = ['finished', 'target', 'perfect', 'minutes', 'until', 'plateau', 'interrupted'] as const;
export type StopReason = (typeof STOP_REASONS)[number];

/** The outcome of a stage. */
export interface StageEnd {
  /** Counted from 1. */
  readonly stage: number;
  /** Since the stage began or was resumed. */
  readonly seconds: number;
  readonly why: StopReason;
  /** Validation scores before the stage, and of its best epoch. */
  readonly before: Scores | null;
  readonly after: Scores;
}

/** A batch was trained. */
export interface StepEvent {
  readonly type: 'step';
  readonly epoch: number;
  /** Counted from 1 within the epoch. */
  readonly step: number;
  readonly steps: number;
  /** Of this batch. */
  readonly loss: number;
  /** Loss and metrics of the epoch so far. */
  readonly sofar: Scores;
  readonly lr: number;
  readonly samples: number;
  /** Seconds the step waited for its images, and seconds it computed. */
  readonly waited: number;
  readonly computed: number;
}

/** @typeParam E the task's evaluation */
export type TrainingEvent<E = Evaluation> =
  | { readonly type: 'before'; readonly val: E }
  | ({ readonly type: 'stage' } & StageInfo)
  | StepEvent
  | ({ readonly type: 'epoch'; readonly best: boolean } & EpochRow)
  /** A loss went wrong: the epoch begins again, with the learning rate `to` of the head instead of `lr`. */
  | ({ readonly type: 'rollback'; readonly to: number; readonly message: string } & Rollback)
  /** The training decided about its own plan: all its stages, as far as they are decided. */
  | ({ readonly type: 'decision'; readonly stages: readonly StagePlan[] } & Decision)
  /** Something looks wrong. The training continues. */
  | ({ readonly type: 'finding' } & Finding)
  | ({ readonly type: 'stage-end' } & StageEnd)
  | { readonly type: 'checkpoint'; readonly kind: 'last' | 'best'; readonly epoch: number }
  | { readonly type: 'end'; readonly why: StopReason; readonly best: { readonly epoch: number } & Scores };
