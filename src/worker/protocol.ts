/**
 * The messages between a page and its worker (a window and its utility process, a program and its worker thread). Everything is plain data
 * that structured cloning takes.
 */
import type { Noun, Preprocessing } from '../data/index.ts';
import type { TextFormat } from '../data/text/index.ts';
import type { ErrorCode } from '../errors.ts';
import type { Verification } from '../export/index.ts';
import type { RoundMode, RoundOutcome } from '../federated/index.ts';
import type {
  ExplainOptions,
  Explanation,
  MemoryPlan,
  PredictionSettings,
  RecommendedSettings,
  SessionEvent,
  TaskRequest,
  TopOptions,
} from '../session/index.ts';
import type {
  ClassMistake,
  LabelsMistake,
  Prediction,
  TaskEvaluation,
  TaskName,
  TemperatureFit,
  UnknownReport,
} from '../tasks/index.ts';
import type { StagePlan, StopReason } from '../training/index.ts';

/** An image's contents; on platforms with files also a path. */
export type ImageHandle = Blob | Uint8Array | string;

/** The input of a prediction: an image, or a text. */
export type InputHandle = ImageHandle | string;

/** The labels of a sample, by task. */
export interface SampleLabels {
  /** Its class. */
  readonly classification: { readonly label: string };
  readonly embedding: { readonly label: string };
  /** Any number of labels; an empty list is a sample of none of them. */
  readonly 'multi-label': { readonly labels: readonly string[] };
  /** Numbers by name, in units of your choice. */
  readonly regression: { readonly values: Readonly<Record<string, number>> };
}

/** A labelled image, or a labelled text for a model that reads texts. */
export type LabelledSample<T extends TaskName = TaskName, I = ImageHandle> = SampleLabels[T] &
  ({ readonly image: I; readonly text?: undefined } | { readonly text: string; readonly image?: undefined }) & {
    /** If no sample is in `val`, a part of the training samples is held out (`valFraction`). `train` unless given. */
    readonly split?: 'train' | 'val' | 'test';
  };

/** A model, and the files next to it. */
export interface ModelRequest<M = Uint8Array> {
  /** An `.onnx` file. */
  readonly model: M;
  /** The model's name, for messages and its model card. */
  readonly name?: string;
  /** Its origin, such as an address, for the model card; its name unless given. */
  readonly source?: string;
  /** Parsed JSON: `preprocessor_config.json`, `config.json`, `tokenizer.json` and `tokenizer_config.json`. */
  readonly preprocessorConfig?: unknown;
  readonly config?: unknown;
  readonly tokenizer?: unknown;
  readonly tokenizerConfig?: unknown;
}

/** @typeParam T the task @typeParam I an image @typeParam M a model, both as the platform has them */
export interface OpenRequest<T extends TaskName = TaskName, I = ImageHandle, M = Uint8Array>
  extends ModelRequest<M>,
    TaskRequest<T> {
  /** Of the task that is named: the task does not follow from them. */
  readonly samples: NoInfer<readonly LabelledSample<T, I>[]>;
  /** The classes, labels or numbers in the order of the outputs. Unless given, the names in the samples, sorted. */
  readonly classes?: readonly string[];
  /** Keeps the training and its checkpoints under this name, so that `reopen` can continue it later. */
  readonly project?: string;
  /** What the samples are called in the model card and in the report; the project's name unless given. */
  readonly dataName?: string;
}

/** A round of a federation. Its state names the classes and the task. */
export interface RemoteRoundRequest<T extends TaskName = TaskName, I = ImageHandle, M = Uint8Array>
  extends RoundMode,
    Omit<OpenRequest<T, I, M>, 'project' | 'dataName' | 'classes'> {
  /** The state that the round begins with: a safetensors file. */
  readonly state: Uint8Array;
}

/** A finished model to predict with. */
export interface LoadRequest<T extends TaskName = TaskName, M = Uint8Array> extends ModelRequest<M> {
  /** The task of the model: `classification` unless given. Another task is an error. */
  readonly task?: T;
  readonly settings?: PredictionSettings;
}

/** A loaded model. */
export interface Loaded {
  readonly id: number;
  readonly labels: readonly string[];
}

/** The facts of an open training. */
export interface Opened<T extends TaskName = TaskName> {
  readonly task: T;
  readonly device: string;
  /** What samples are: images or texts. */
  readonly noun: Noun;
  /** How they become the model's input. */
  readonly format: Preprocessing | Pick<TextFormat, 'kind' | 'maxLength'>;
  /** Names of the classes, labels or numbers, in the order of the outputs. */
  readonly classes: readonly string[];
  /** Names of the layer groups, input side first. */
  readonly groups: readonly string[];
  readonly stages: readonly StagePlan[];
  readonly stepsPerEpoch: number;
  /** Samples of each split. */
  readonly train: number;
  readonly val: number;
  readonly test: number;
  /** Settings that the model recommends, and the request leaves open. */
  readonly recommended: RecommendedSettings;
  /** Estimated memory, and whether batches are divided to save some; undefined if it is not known of the device. */
  readonly memory?: MemoryPlan;
  /** Worth knowing before training, a line each: an assumed preprocessing, a project that cannot be kept. */
  readonly notices: readonly string[];
  /** Epochs that are done already, of a project that was reopened. */
  readonly epochsDone: number;
}

/** A validation sample that the finished model gets wrong; `sample` is its place in the request. */
export type Mistake<T extends TaskName = TaskName> = T extends 'classification'
  ? Omit<ClassMistake, 'index'> & { readonly sample: number }
  : T extends 'multi-label'
    ? Omit<LabelsMistake, 'index'> & { readonly sample: number }
    : never;

/** A sample whose label is probably wrong; `sample` is its place in the request. */
export interface LabelIssue {
  readonly sample: number;
  readonly label: string;
  /** The class that it probably has, and how probable that is. */
  readonly likely: string;
  readonly probability: number;
}

/** A finished model, discriminated by `status` and, if the task is not known, by `task`. */
export type Finished<T extends TaskName = TaskName> = T extends TaskName
  ? {
      readonly task: T;
      /** The `model/` folder: path within it and contents. */
      readonly files: readonly (readonly [path: string, contents: Uint8Array])[];
      /** The finished model's predictions next to the trainer's; `holds` is false if Thaw or the runtime has a bug. */
      readonly verification: Verification;
      /** Of a quantized model: the same with ONNX Runtime's integer kernels, its default. */
      readonly integerKernels?: Verification;
    } & (MeasuredModel<T> | UnmeasuredModel)
  : never;

interface MeasuredModel<T extends TaskName> {
  readonly status: 'finished';
  /** The finished model on the validation set. */
  readonly evaluation: TaskEvaluation<T>;
  /** The finished model on the test set, if there is one. */
  readonly test: TaskEvaluation<T> | null;
  /** The temperature that `config.json` keeps, and its effect; null if the task has none. */
  readonly calibration: TemperatureFit | null;
  /** How well the model recognises samples of none of its classes; null if the task has no classes, or too few samples. */
  readonly unknown: UnknownReport | null;
  /** The worst first; null if no answer of the task is simply wrong. */
  readonly mistakes: T extends 'classification' | 'multi-label' ? readonly Mistake<T>[] : null;
}

/** No validation sample could be read. */
interface UnmeasuredModel {
  readonly status: 'unmeasured';
  readonly evaluation: null;
  readonly test: null;
  readonly calibration: null;
  readonly unknown: null;
  readonly mistakes: null;
}

/** The task that the caller expects; another one is an error. */
export interface ExpectedTask<T extends TaskName = TaskName> {
  /** `classification` unless given. */
  readonly task?: T;
}

/** What a report shows of the samples. */
export interface ReportOptions {
  /** Small images as `data:` URLs (PNG, JPEG, WebP, GIF or AVIF), by their places in the request: the report shows those of mistakes. */
  readonly thumbnails?: ReadonlyMap<number, string>;
}

/** The requests, with their answers. */
export interface Methods {
  open(request: OpenRequest): Opened;
  /** Opens a kept project to continue it. */
  reopen(project: string, options: ExpectedTask): Opened;
  /** Names of the projects that are kept. */
  projects(): readonly string[];
  forget(project: string): void;
  /** Trains to the end or until stopped, with events in between. */
  train(): StopReason;
  pause(): void;
  resume(): void;
  /** Ends the training after the step under way; `train` answers then. A round is abandoned, and `round` rejected. */
  stop(): void;
  predict(inputs: readonly InputHandle[], options: Partial<TopOptions>): readonly Prediction[];
  /** Explains predictions by the current weights. */
  explain(inputs: readonly InputHandle[], options: ExplainOptions): readonly Explanation[];
  /** Samples whose labels are probably wrong, the least plausible label first. It ends with the training, or by `stop`. */
  labelIssues(): readonly LabelIssue[];
  finish(): Finished;
  /** The report of the finished model, as one HTML page. */
  report(options: ReportOptions): string;
  /** Closes the training. */
  close(): void;
  /** A round of a federation; it closes the training. Outputs of the frozen layers are kept for the next round. */
  round(request: RemoteRoundRequest): RoundOutcome;
  load(request: LoadRequest): Loaded;
  predictLoaded(id: number, inputs: readonly InputHandle[], options: Partial<TopOptions>): readonly Prediction[];
  explainLoaded(id: number, inputs: readonly InputHandle[], options: ExplainOptions): readonly Explanation[];
  unload(id: number): void;
}

export type Method = keyof Methods;

export const METHODS: readonly Method[] = [
  ...([
    'open',
    'reopen',
    'projects',
    'forget',
    'train',
    'pause',
    'resume',
    'stop',
    'predict',
    'explain',
    'labelIssues',
    'finish',
  ] as const),
  ...(['report', 'close', 'round', 'load', 'predictLoaded', 'explainLoaded', 'unload'] as const),
];

/** An event of a training elsewhere, in order. */
export type RemoteEvent =
  | SessionEvent
  /** An image that cannot be read, by its place among the samples, and why. */
  | { readonly type: 'problem'; readonly sample: number; readonly reason: string }
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
