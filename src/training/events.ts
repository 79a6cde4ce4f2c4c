import type { Outcome } from '../metrics/index.ts';

/** What training tells the outside: plain data, so that it can cross a worker's boundary or become a line of JSON. */

export interface Scores {
  readonly loss: number;
  readonly accuracy: number;
}

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

export interface ClassScores {
  readonly label: string;
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  readonly support: number;
}

/** What `thaw eval` prints. `f1` is the mean over the classes (macro); `confusion[truth][predicted]` counts samples. */
export interface Evaluation extends Scores {
  readonly top5: number;
  readonly f1: number;
  readonly perClass: readonly ClassScores[];
  readonly confusion: readonly (readonly number[])[];
}

/** One sample's outcome, in the order of the split. */
export interface Prediction extends Outcome {
  readonly index: number;
}

/** One stage as it is about to run: what the plan's words came to on this model. */
export interface StageInfo {
  /** Counted from 1. */
  readonly stage: number;
  readonly stages: number;
  /** As configured: `head`, `last:2`, … */
  readonly train: string;
  /** Names of the layer groups with a trainable parameter, input side first. */
  readonly groups: readonly string[];
  /** Trainable parameter elements. */
  readonly trainable: number;
  /** Frozen parameter elements. */
  readonly frozen: number;
  readonly epochs: number;
  readonly lr: number;
}

export type StopReason = 'finished' | 'target' | 'plateau' | 'interrupted';

export type TrainingEvent =
  | { readonly type: 'before'; readonly val: Evaluation }
  | ({ readonly type: 'stage' } & StageInfo)
  | {
      readonly type: 'step';
      readonly epoch: number;
      /** Counted from 1 within the epoch. */
      readonly step: number;
      readonly steps: number;
      readonly loss: number;
      /** Of this batch. */
      readonly accuracy: number;
      readonly lr: number;
      readonly samples: number;
      /** Seconds the step waited for its pictures, and seconds it computed. */
      readonly waited: number;
      readonly computed: number;
    }
  | ({ readonly type: 'epoch'; readonly best: boolean } & EpochRow)
  | { readonly type: 'stage-end'; readonly stage: number; readonly seconds: number; readonly why: StopReason }
  | { readonly type: 'checkpoint'; readonly kind: 'last' | 'best'; readonly epoch: number }
  | { readonly type: 'end'; readonly why: StopReason; readonly best: { readonly epoch: number } & Scores };
