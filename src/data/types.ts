import type { Tensor } from '../onnx/index.ts';

/** How a decoded image becomes a model's input: one description for training, evaluation, prediction and export. */
export interface Preprocessing {
  readonly width: number;
  readonly height: number;
  /**
   * `stretch` resizes to width x height; `crop` resizes the shorter side to `round(side / cropFraction)` and cuts the centre out;
   * `pad` fits the image into the top left corner of a square and fills the rest with the mean.
   */
  readonly fit: 'stretch' | 'crop' | 'pad';
  /** Part of the resized image that the central crop keeps; 1 where `fit` is not `crop`. 224 of 256 is 0.875. */
  readonly cropFraction: number;
  readonly interpolation: 'nearest' | 'linear' | 'cubic' | 'lanczos3';
  readonly channels: 'rgb' | 'bgr' | 'grey';
  readonly layout: 'nchw' | 'nhwc';
  /** `value = (pixel * scale - mean) / std`, a pixel being 0 to 255; both lists in the order of `channels`. */
  readonly scale: number;
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** The kind of a sample. */
export type Noun = 'image' | 'text';

/** One labelled image. */
export interface Sample {
  /** An absolute path, or a name where the image is in memory. */
  readonly file: string;
  /** Index into the data set's classes. */
  readonly label: number;
  /** Numbers, for tasks whose labels are not one class. */
  readonly targets?: readonly number[];
  /** The text itself, where samples are texts; `file` then says where it stands. */
  readonly text?: string;
}

/**
 * What a data set's labels are: one class an image; several labels, in one column or in columns of 0 and 1; or numbers, in columns (all but
 * file and split unless named).
 */
export type LabelReading =
  /** `unseen`: validation and test may have classes that training does not. */
  | { readonly kind: 'class'; readonly unseen?: boolean }
  /** `known`: what a model calls them; columns of these names are read where the table has no lists. */
  | { readonly kind: 'labels'; readonly columns?: readonly string[]; readonly known?: readonly string[] }
  | { readonly kind: 'numbers'; readonly columns?: readonly string[] };

/** A file that was left out, and why. */
export interface DataProblem {
  readonly file: string;
  readonly reason: string;
}

export interface Dataset {
  /** In the order of the model's outputs. */
  readonly classes: readonly string[];
  readonly train: readonly Sample[];
  readonly val: readonly Sample[];
  readonly test: readonly Sample[];
  readonly problems: readonly DataProblem[];
}

/** What is known of a sample in place of its rows, in a form that whoever asks for it knows. */
export interface Recalled {
  readonly form: string;
  readonly bytes: Uint8Array;
}

/** Samples as the model takes them. */
export interface Batch {
  /**
   * What the model's data inputs take, in their order, one row a sample, without those that were recalled: of images float32
   * `[N, C, H, W]` or `[N, H, W, C]`, of texts int64 `[N, length]` each.
   */
  readonly inputs: readonly Tensor[];
  /** Sizes beside the batch's that all rows have in common, by the name that the model's inputs have for them; none of images. */
  readonly sizes?: RowSizes;
  /** int64 `[N]`, of all samples. */
  readonly labels: BigInt64Array;
  /** `[N, targets]` in row order, of all samples, where samples have targets. */
  readonly targets?: Float32Array;
  /** The samples' positions in the split they come from, of all samples. */
  readonly indices: readonly number[];
  /**
   * What tells the rows of each sample from all others: content, preprocessing and what augmentation did. There where `recall`
   * was given, and the source can say it.
   */
  readonly keys?: readonly (string | undefined)[];
  /** What was known of each sample. */
  readonly recalled?: readonly (Recalled | undefined)[];
}

export type RowSizes = Readonly<Record<string, number>>;

export interface BatchOptions {
  /** Seeds the order, and unless `view` is given augmentation: the same epoch gives the same batches. */
  readonly epoch: number;
  readonly batchSize: number;
  /** Leaves out so many batches at the start (to resume). */
  readonly from?: number;
  /** Seeds augmentation: epochs with the same view show the same of every image. */
  readonly view?: number;
  /** Asked for every sample before it is decoded, by its key: what is known takes the place of its rows. */
  readonly recall?: (key: string, sizes?: RowSizes) => Promise<Recalled | undefined>;
}

/** A split that can be read again and again, in batches. The trainer knows data only as this. */
export interface BatchSource {
  /** Number of samples. */
  readonly length: number;
  /** Their labels, where the source knows them. */
  readonly labels?: readonly number[];
  /** Whether its images are never the same again, so that nothing is worth remembering of them. */
  readonly fleeting?: boolean;
  /** The batches of one pass; the last one may be smaller. A source may pass over `view` and `recall`. */
  batches(options: BatchOptions): AsyncIterable<Batch>;
}
