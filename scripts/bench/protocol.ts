/**
 * Messages between the driver and a contender: one JSON object per line. A request is `{ name: argument }`, and each has one
 * answer. All contenders answer `memory`.
 */

/** Training steps of one network, on batches that are in memory. */
export interface StepsRequest {
  /** A name from scripts/bench/python/networks.py. */
  readonly model: string;
  /** ONNX files with batch norm folded into convolutions, and with batch norm kept, next to PyTorch's state. */
  readonly files: { readonly folded: string; readonly kept: string };
  readonly weights: string;
  /** A selection of Thaw: `head`, `last:3`, `all`. */
  readonly selection: string;
  /** The selected parameters in each file. */
  readonly trainable: { readonly folded: readonly string[]; readonly kept: readonly string[] };
  readonly classes: number;
  readonly batch: number;
  /** Height and width. */
  readonly size: number;
  readonly lr: number;
  /** Folder with images.f32 and labels.i64. */
  readonly data: string;
  /** Options of this contender only. */
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
  /** null stands for NaN and infinity. */
  readonly losses: readonly (number | null)[];
  /** CPU seconds of all threads, over all the steps. */
  readonly cpu: number;
}

/** Answer to `{ memory: {} }`: the peak memory of the process. */
export interface PeakMemory {
  readonly bytes: number;
}

/** A complete training on a folder of images. */
export interface JobRequest {
  /** A name from scripts/bench/python/networks.py. */
  readonly network: string;
  /** The model's folder, as export.py writes it. */
  readonly model: string;
  /** Class folders, or `train` and `val` with class folders. */
  readonly data: string;
  /** Thaw's settings that differ from its defaults. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** The training that Thaw derives from a request, so that others can run the same. */
export interface Recipe extends Pick<JobRequest, 'network' | 'model'> {
  readonly classes: number;
  readonly train: readonly { readonly file: string; readonly label: number }[];
  readonly val: readonly { readonly file: string; readonly label: number }[];
  /** Parameters by their names in kept.onnx. */
  readonly stages: readonly { readonly epochs: number; readonly lr: number; readonly trainable: readonly string[] }[];
  /** The new head's: they train at the full rate, all others at `pretrainedRate` times that rate. */
  readonly head: readonly string[];
  readonly pretrainedRate: number;
  /** The fraction of the stage in which the rate rises; after it, a cosine from 1 to 0. */
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
