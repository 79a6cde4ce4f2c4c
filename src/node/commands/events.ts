import type { Dataset } from '../../data/index.ts';
import type { DeviceChoice } from '../../runtime/devices.ts';
import type { SessionEvent } from '../../session/index.ts';
import type { KnownSources } from '../run/index.ts';
import type { TrackedSweep, TrackerSink } from '../tracking/index.ts';
import type { MeasuredSamples } from './measured.ts';

/** Events of a job, in addition to those of its session. Plain data. */
export type JobEvent =
  | SessionEvent
  | ({ readonly type: 'device' } & DeviceChoice)
  /** Progress of a download, in bytes. */
  | { readonly type: 'download'; readonly received: number; readonly total?: number }
  /** What a push is about to upload, and who will see it. */
  | {
      readonly type: 'push';
      readonly repository: string;
      readonly revision: string;
      readonly visibility: 'private' | 'public';
      readonly files: readonly string[];
      readonly bytes: number;
    }
  /** Progress of an upload, in bytes. */
  | { readonly type: 'upload'; readonly sent: number; readonly total: number }
  | { readonly type: 'run'; readonly path: string }
  /** The planned stages, and the number of steps per epoch. */
  | {
      readonly type: 'plan';
      readonly stages: readonly { readonly train: string; readonly epochs: number }[];
      readonly stepsPerEpoch: number;
      /** Finished epochs of a resumed run. */
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
  /** The samples of a measurement. */
  | ({ readonly type: 'measuring' } & MeasuredSamples)
  | { readonly type: 'evaluated'; readonly done: number; readonly of: number }
  | {
      readonly type: 'verified';
      /** Largest difference between the exported model's probabilities (or other outputs of the task) and the trainer's. */
      readonly maxDifference: number;
      readonly samples: number;
      /** Number of validation samples, of which these are some or all. */
      readonly of: number;
      /** Whether the difference is within rounding. */
      readonly holds: boolean;
      /** Whether the samples are random noise, because there are no others. */
      readonly synthetic?: boolean;
    };

/** What trainings one after the other have in common, so that it is read and stored once. */
export interface SharedByTrials {
  readonly sources: KnownSources;
  /** Data sets by how they were read. */
  readonly datasets: Map<string, Promise<Dataset>>;
}

/** Listener and stop signal of a job. */
export interface JobHooks {
  /** Called with each event, in order. */
  readonly onEvent?: (event: JobEvent) => void;
  /** Asks the job to stop. A training saves first. */
  readonly signal?: AbortSignal;
  /** Experiment trackers that get the run of a training. */
  readonly sinks?: readonly TrackerSink[];
  /** The sweep, if the training is one of its trials. */
  readonly sweep?: TrackedSweep;
  /** What the trials of a sweep share. */
  readonly shared?: SharedByTrials;
}
