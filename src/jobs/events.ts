import type { DataProblem } from '../data/index.ts';
import type { ContinuedClasses, MemoryPlan, RecommendedSettings } from '../recipe/index.ts';
import type { Noun } from '../report/index.ts';
import type { DeviceChoice } from '../runtime/devices.ts';
import type { Evaluated, Metric, TaskName } from '../tasks/index.ts';
import type { TrainingEvent } from '../training/index.ts';

/** What a job tells while it runs, besides the training's own events. Plain data. */
export type JobEvent =
  | TrainingEvent<Evaluated>
  | ({ readonly type: 'device' } & DeviceChoice)
  /** A model is being fetched; bytes. */
  | { readonly type: 'download'; readonly received: number; readonly total?: number }
  | {
      readonly type: 'model';
      readonly name: string;
      readonly parameters: number;
      readonly groups: number;
      /** Classes of the head that is trained. */
      readonly classes: number;
      /** What became of the model's own classes, where their weights are kept. */
      readonly continued?: ContinuedClasses;
    }
  | {
      readonly type: 'data';
      /** What samples are. */
      readonly noun: Noun;
      readonly task: TaskName;
      /** By which epochs are compared. */
      readonly metric: Metric;
      readonly classes: readonly string[];
      readonly train: number;
      readonly val: number;
      readonly test: number;
      readonly problems: readonly DataProblem[];
    }
  | { readonly type: 'run'; readonly path: string }
  /** Settings that nobody gave, and that are as the model recommends. */
  | { readonly type: 'recommended'; readonly settings: RecommendedSettings }
  /** All stages as planned, with the number of steps of an epoch. */
  | {
      readonly type: 'plan';
      readonly stages: readonly { readonly train: string; readonly epochs: number }[];
      readonly stepsPerEpoch: number;
      /** Epochs that are done, where a run goes on. */
      readonly done: number;
    }
  /** What the training is estimated to take. */
  | ({ readonly type: 'memory' } & MemoryPlan)
  /** Something worth knowing that stops nothing. */
  | { readonly type: 'notice'; readonly message: string }
  /** What is under way where nothing else tells of it. */
  | { readonly type: 'phase'; readonly phase: 'preparing' | 'exporting' | 'evaluating' | 'reporting' }
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
      readonly madeUp?: boolean;
    };

/** How a job and its caller talk. */
export interface JobHooks {
  readonly onEvent?: (event: JobEvent) => void;
  /** Asks the job to stop: a training saves itself first. */
  readonly signal?: AbortSignal;
}
