import type { DeviceChoice } from '../../runtime/devices.ts';
import type { SessionEvent } from '../../session/index.ts';

/** What a job tells while it runs, besides the events of its session. Plain data. */
export type JobEvent =
  | SessionEvent
  | ({ readonly type: 'device' } & DeviceChoice)
  /** A model is being fetched; bytes. */
  | { readonly type: 'download'; readonly received: number; readonly total?: number }
  | { readonly type: 'run'; readonly path: string }
  /** All stages as planned, with the number of steps of an epoch. */
  | {
      readonly type: 'plan';
      readonly stages: readonly { readonly train: string; readonly epochs: number }[];
      readonly stepsPerEpoch: number;
      /** Epochs that are done, where a run goes on. */
      readonly done: number;
    }
  /** A step of a learning-rate range test. */
  | {
      readonly type: 'rate';
      readonly step: number;
      readonly steps: number;
      readonly lr: number;
      readonly loss: number;
      /** Running average of the loss. */
      readonly running: number;
    }
  | { readonly type: 'evaluated'; readonly done: number; readonly of: number }
  | {
      readonly type: 'verified';
      /** Of the exported model's probabilities (or what the task has instead) from the trainer's. */
      readonly maxDifference: number;
      readonly samples: number;
      /** Whether the difference is rounding. */
      readonly holds: boolean;
      /** Samples of no meaning, where there are no others. */
      readonly synthetic?: boolean;
    };

/** How a job and its caller talk. */
export interface JobHooks {
  /** Called with each event, in order. */
  readonly onEvent?: (event: JobEvent) => void;
  /** Asks the job to stop: a training saves itself first. */
  readonly signal?: AbortSignal;
}
