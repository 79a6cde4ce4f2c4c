/**
 * What the driver and a contender say to each other: one JSON object a line. A request is `{ name: argument }`, and each has one
 * answer. `memory` every contender answers by itself.
 */

/** Training steps of one network, on batches that are in memory. */
export interface StepsRequest {
  /** As scripts/bench/python/networks.py names it. */
  readonly model: string;
  /** ONNX files with batch norm folded into convolutions, and kept; PyTorch's state. */
  readonly files: { readonly folded: string; readonly kept: string };
  readonly weights: string;
  /** Thaw's words: `head`, `last:3`, `all`. */
  readonly selection: string;
  /** The parameters that it selects in each file. */
  readonly trainable: { readonly folded: readonly string[]; readonly kept: readonly string[] };
  readonly classes: number;
  readonly batch: number;
  /** Height and width. */
  readonly size: number;
  readonly lr: number;
  /** Folder of images.f32 and labels.i64. */
  readonly data: string;
  /** The contender's own. */
  readonly options: Readonly<Record<string, unknown>>;
}

export interface StepsReady {
  /** Number of trainable parameter elements. */
  readonly trainable: number;
  /** Of the software that computes. */
  readonly version: string;
}

/** Answer to `{ step: count }`. */
export interface StepsTaken {
  readonly seconds: readonly number[];
  /** null for what is not a number. */
  readonly losses: readonly (number | null)[];
  /** CPU seconds of all threads, over all the steps. */
  readonly cpu: number;
}

/** Answer to `{ memory: {} }`: the most that the process held at once. */
export interface PeakMemory {
  readonly bytes: number;
}

/** A whole training on a folder of images. */
export interface JobRequest {
  /** As scripts/bench/python/networks.py names it. */
  readonly network: string;
  /** The model's folder, as export.py writes it. */
  readonly model: string;
  /** Class folders, or `train` and `val` with class folders. */
  readonly data: string;
  /** Thaw's, beyond its defaults. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** What Thaw makes of a request, for others to do the same. */
export interface Recipe extends Pick<JobRequest, 'network' | 'model'> {
  readonly classes: number;
  readonly train: readonly { readonly file: string; readonly label: number }[];
  readonly val: readonly { readonly file: string; readonly label: number }[];
  /** Parameters by the names in kept.onnx. */
  readonly stages: readonly { readonly epochs: number; readonly lr: number; readonly trainable: readonly string[] }[];
  /** Of the new head: they train at the whole rate, others at `pretrainedRate` times as much. */
  readonly head: readonly string[];
  readonly pretrainedRate: number;
  /** Cosine from 1 to 0 after a part of the stage in which the rate rises. */
  readonly warmup: number;
  readonly labelSmoothing: number;
  readonly batch: number;
  readonly seed: number;
  /** `Augmentation` in src/data/augment. */
  readonly augmentation: object;
  /** `Preprocessing` in src/data/types.ts. */
  readonly preprocessing: object;
}

export interface JobDone {
  /** From the request to the finished model. */
  readonly seconds: number;
  /** The best on the validation images. */
  readonly accuracy: number;
  readonly epochs: readonly {
    readonly stage: number;
    /** Seconds of the epoch's training and of its validation. */
    readonly train: number;
    readonly val: number;
    readonly accuracy: number;
  }[];
  readonly version: string;
}
