/**
 * What a page and its worker (a window and its utility process, a program and its worker thread) say to each other. Everything is
 * plain data that structured cloning takes.
 */
import type { Preprocessing } from '../data/index.ts';
import type { ErrorCode } from '../errors.ts';
import type { Verification } from '../export/index.ts';
import type { RoundMode, RoundOutcome } from '../federated/index.ts';
import type { MemoryPlan, RecommendedSettings, TrainingSettings } from '../session/index.ts';
import type { Evaluation, StopReason, TrainingEvent } from '../training/index.ts';

/** An image's contents; on platforms with a file system, a path. */
export type ImageHandle = Blob | string;

export interface LabelledImage {
  readonly image: ImageHandle;
  /** Index into the classes. */
  readonly label: number;
  /** Held out for validation; where no image says so, a part of each class is, at random. */
  readonly validation?: boolean;
}

export interface OpenRequest {
  /** An `.onnx` file. */
  readonly model: Uint8Array;
  /** What lies beside it, parsed: `preprocessor_config.json`, `config.json`. */
  readonly preprocessorConfig?: unknown;
  readonly config?: unknown;
  readonly classes: readonly string[];
  readonly images: readonly LabelledImage[];
  /** As in a `thaw.config` file. `device` is `auto` unless said. */
  readonly settings?: TrainingSettings;
  /** A name to keep the project and its checkpoints under, so that a later `reopen` goes on with it. */
  readonly project?: string;
}

/** A round of a federation, on images whose classes the state knows by name. */
export interface RemoteRoundRequest extends RoundMode, Omit<OpenRequest, 'project'> {
  /** The state that the round begins with: a safetensors file. */
  readonly state: Uint8Array;
}

/** What is known once a project is open. */
export interface Opened {
  readonly device: string;
  readonly preprocessing: Preprocessing;
  readonly classes: readonly string[];
  /** Names of the layer groups, input side first. */
  readonly groups: readonly string[];
  readonly stages: readonly { readonly train: string; readonly epochs: number }[];
  readonly stepsPerEpoch: number;
  readonly train: number;
  readonly val: number;
  /** Settings that nobody gave, and that are as the model recommends. */
  readonly recommended: RecommendedSettings;
  /** What the training is estimated to take, and whether its batches go through in parts; of one that begins, where it is known of the device. */
  readonly memory?: MemoryPlan;
  /** Worth knowing before training, a line each: an assumed preprocessing, a project that cannot be kept. */
  readonly notices: readonly string[];
  /** Epochs that are done already, where a kept project was opened again. */
  readonly epochsDone: number;
  /** Images that cannot be read are found while training: see the `problem` events. */
}

export interface Predicted {
  /** Index of the most probable class. */
  readonly label: number;
  readonly probabilities: readonly number[];
}

/** One validation image that the finished model gets wrong. */
export interface Mistake {
  /** Its place among the images that were given. */
  readonly image: number;
  readonly label: number;
  readonly predicted: number;
  readonly probability: number;
}

export interface Finished {
  /** The `model/` folder: path within it and contents. */
  readonly files: readonly (readonly [path: string, contents: Uint8Array])[];
  readonly evaluation: Evaluation;
  /** The model's answers next to the trainer's; `holds` is false if Thaw or the runtime has a bug. */
  readonly verification: Verification;
  readonly mistakes: readonly Mistake[];
}

/** What can be asked, with its answer. */
export interface Methods {
  open(request: OpenRequest): Opened;
  /** Opens a project that was kept, where it stopped. */
  reopen(project: string): Opened;
  /** Names of the projects that are kept. */
  projects(): readonly string[];
  forget(project: string): void;
  /** Trains to the end or until stopped; its events come in between. */
  train(): StopReason;
  pause(): void;
  resume(): void;
  /** Ends the training after the step under way; `train` answers then. A round is given up: `round` is rejected. */
  stop(): void;
  predict(images: readonly ImageHandle[]): readonly Predicted[];
  finish(): Finished;
  /** A federation's round, in place of what is open; what frozen layers make of the images is kept for the next. */
  round(request: RemoteRoundRequest): RoundOutcome;
  close(): void;
}

export type Method = keyof Methods;

export const METHODS: readonly Method[] = [
  ...(['open', 'reopen', 'projects', 'forget', 'train', 'pause', 'resume', 'stop'] as const),
  ...(['predict', 'finish', 'round', 'close'] as const),
];

export type RemoteEvent =
  | TrainingEvent
  /** An image that cannot be read, by its place among those given, and why. */
  | { readonly type: 'problem'; readonly image: number; readonly reason: string }
  /** The project's newest checkpoint could not be kept, and why. The training continues; predict, finish and download work. */
  | { readonly type: 'unsaved'; readonly message: string; readonly hint?: string }
  | { readonly type: 'paused' }
  | { readonly type: 'resumed' };

export interface RemoteError {
  readonly code?: ErrorCode;
  readonly message: string;
  readonly hint?: string;
}

export type Request = {
  [M in Method]: { readonly id: number; readonly method: M; readonly parameters: Parameters<Methods[M]> };
}[Method];

export type Answer =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: RemoteError }
  | { readonly event: RemoteEvent };
