import type { Tensor } from '../onnx/index.ts';

/** Conversion of a decoded image to a model's input: one description for training, evaluation, prediction and export. */
export interface Preprocessing {
  readonly width: number;
  readonly height: number;
  /**
   * `stretch` resizes to width x height; `crop` resizes the shorter side to `round(side / cropFraction)` and crops the centre; `pad` fits
   * the image into the top left corner of a square and fills the rest with the mean.
   */
  readonly fit: 'stretch' | 'crop' | 'pad';
  /** Fraction of the resized image that the central crop keeps; 1 unless `fit` is `crop`. 224 of 256 is 0.875. */
  readonly cropFraction: number;
  readonly interpolation: 'nearest' | 'linear' | 'cubic' | 'lanczos3';
  readonly channels: 'rgb' | 'bgr' | 'grey';
  readonly layout: 'nchw' | 'nhwc';
  /** `value = (pixel * scale - mean) / std` for pixels from 0 to 255, with both lists in the order of `channels`. */
  readonly scale: number;
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** What a sample is. */
export type Noun = 'image' | 'text';

/** One labelled image. */
export interface Sample {
  /** An absolute path, or a name for an image in memory. */
  readonly file: string;
  /** Index into the data set's classes. */
  readonly label: number;
  /** Numbers, for tasks whose labels are not one class. */
  readonly targets?: readonly number[];
  /** The text of a text sample. `file` is then its location. */
  readonly text?: string;
}

/**
 * The kind of labels: one class per image; several labels, in one column or in columns of 0 and 1; or numbers, in columns (default: all
 * except file and split).
 */
export type LabelReading =
  /** `unseen`: validation and test can have classes that training does not have. */
  | { readonly kind: 'class'; readonly unseen?: boolean }
  /** `known`: label names of a model. Columns with these names are read if the table has no lists. */
  | { readonly kind: 'labels'; readonly columns?: readonly string[]; readonly known?: readonly string[] }
  | { readonly kind: 'numbers'; readonly columns?: readonly string[] };

/** A skipped file, with the reason. */
export interface DataProblem {
  readonly file: string;
  readonly reason: string;
}

/** The samples of a training, by split. */
export interface Dataset {
  /** In the order of the model's outputs. */
  readonly classes: readonly string[];
  readonly train: readonly Sample[];
  readonly val: readonly Sample[];
  readonly test: readonly Sample[];
  readonly problems: readonly DataProblem[];
  /** Examples of none of the classes, labelled `_unknown`. Nothing is trained on them. */
  readonly unknown?: readonly Sample[];
}

/** The label of samples that belong to none of the classes. */
export const UNKNOWN = '_unknown';

/** Cached data that replaces a sample's rows. `form` names its format. */
export interface Recalled {
  readonly form: string;
  readonly bytes: Uint8Array;
}

/** A batch of samples as a model's input. */
export interface Batch {
  /**
   * The model's data inputs in order, one row per sample, without recalled samples: images as float32 `[N, C, H, W]` or `[N, H, W, C]`,
   * each text input as int64 `[N, length]`.
   */
  readonly inputs: readonly Tensor[];
  /** Common sizes of all rows apart from the batch size, by their names in the model's inputs. None for images. */
  readonly sizes?: RowSizes;
  /** int64 `[N]`, for all samples. */
  readonly labels: BigInt64Array;
  /** `[N, targets]` in row order, for all samples, if samples have targets. */
  readonly targets?: Float32Array;
  /** Indices of all samples in their split. */
  readonly indices: readonly number[];
  /**
   * Identifies the rows of each sample: content, preprocessing and augmentation. Present if `recall` was given and the source can compute
   * it.
   */
  readonly keys?: readonly (string | undefined)[];
  /** Cached data of each sample. */
  readonly recalled?: readonly (Recalled | undefined)[];
}

export type RowSizes = Readonly<Record<string, number>>;

export interface BatchOptions {
  /** Seeds the order, and the augmentation unless `view` is given. The same epoch gives the same batches. */
  readonly epoch: number;
  readonly batchSize: number;
  /** Number of batches to skip at the start (for a resume). */
  readonly from?: number;
  /** Number of the batch before which to stop. Default: after the last one. */
  readonly until?: number;
  /** Indices of the samples to read, in this order. Default: all of the epoch. */
  readonly only?: readonly number[];
  /** Seeds the augmentation. Epochs with the same view show the same images. */
  readonly view?: number;
  /** Called with each sample's key before decoding. Its result replaces the sample's rows. */
  readonly recall?: (key: string, sizes?: RowSizes) => Promise<Recalled | undefined>;
}

/** A split that can be read repeatedly in batches. The trainer knows data only by this interface. */
export interface BatchSource {
  /** Number of samples. */
  readonly length: number;
  /** Labels of the samples, if the source knows them. */
  readonly labels?: readonly number[];
  /** Whether its images never repeat, so that caching is useless. */
  readonly fleeting?: boolean;
  /** The batches of one pass; the last one can be smaller. A source can ignore `view`, `recall`, `only` and `until`. */
  batches(options: BatchOptions): AsyncIterable<Batch>;
}
