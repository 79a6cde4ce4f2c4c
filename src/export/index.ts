import type { BatchSource, Preprocessing } from '../data/index.ts';
import type { Model, Tensor } from '../onnx/index.ts';
import type { Runtime } from '../runtime/index.ts';
import type { Prediction } from '../training/index.ts';

/** What a finished model says of itself in its `metadata_props`. */
export interface ExportMetadata {
  /** Of Thaw. */
  readonly version: string;
  readonly classes: readonly string[];
  readonly preprocessing: Preprocessing;
}
export declare function exportModel(source: Model, state: ReadonlyMap<string, Tensor>, metadata: ExportMetadata): Model;

export interface TransformersOptions {
  /** The finished model, taking any batch size. */
  readonly model: Model;
  readonly classes: readonly string[];
  readonly preprocessing: Preprocessing;
  /** Names of the picture input and of the raw scores in `model`. */
  readonly input: string;
  readonly output: string;
  /** README.md */
  readonly card: string;
  /** The source's `config.json`. */
  readonly sourceConfig?: unknown;
}
/** Path within the folder → contents. */
export declare function transformersFolder(options: TransformersOptions): ReadonlyMap<string, Uint8Array>;

/** The class names of a `config.json`, or undefined where it holds none. */
export declare function labelsOf(config: unknown): readonly string[] | undefined;

export interface VerifyOptions {
  /** The encoded model. */
  readonly model: Uint8Array;
  readonly runtime: Runtime;
  readonly source: BatchSource;
  /** The layout of the source's pictures; they are transposed where the model takes the other. Default `nchw`. */
  readonly layout?: Preprocessing['layout'];
  /** The layout that the model takes. Default `nchw`. */
  readonly modelLayout?: Preprocessing['layout'];
  readonly batchSize: number;
  readonly expected: readonly Prediction[];
  readonly input: string;
  readonly output: string;
  /** Largest allowed difference of a probability; default 1e-3. */
  readonly tolerance?: number;
}
export interface Verification {
  /** Of the probabilities. */
  readonly maxDifference: number;
  /** Share of samples with the same predicted class, 0 to 1. */
  readonly agreement: number;
  readonly samples: number;
}
export declare function verifyExport(options: VerifyOptions): Promise<Verification>;
/** `fp16`: weights stored as float16; `int8`: weights of two and more axes stored as int8 with a scale a channel. */
export type CompressedForm = 'fp16' | 'int8';
/** Compressed weights, computed with in float32. */
export declare function compressWeights(model: Model, form: CompressedForm): Model;
