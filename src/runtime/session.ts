import type { DataType, Model, Tensor } from '../onnx/index.ts';

/** How a model is prepared for running. */
export interface SessionOptions {
  /** `none` keeps every value observable; `all` is the default. */
  readonly optimization?: 'none' | 'all';
  /**
   * Whether ONNX Runtime may compute the float operators of a quantized model in its integer kernels, as other programs do. False by
   * default: the session then rounds as the ONNX standard defines it, on every processor (see `integer-kernels.ts`).
   */
  readonly integerKernels?: boolean;
  /**
   * Whether the session's threads wait busily for their next piece of work within a run, as they do unless told otherwise. That is
   * quicker where nothing else wants the processor, and takes from whatever works beside them. Between runs they sleep.
   */
  readonly spinning?: boolean;
  /** Outputs that are to stay on the device, where it has a memory of its own. */
  readonly resident?: readonly string[];
}

/** A value in the device's own memory. */
export interface Resident {
  readonly type: DataType;
  readonly shape: readonly number[];
  /** A copy of it. */
  read(): Promise<Tensor>;
  release(): void;
}

/** A model that is loaded. */
export interface Session {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /** Element types by output name; what is no tensor, or has a type that JavaScript does not know, is left out. */
  readonly outputTypes: Readonly<Record<string, DataType>>;
  /**
   * Runs the model.
   *
   * @param feeds by input name
   * @param fetches the outputs wanted, all by default. A tensor given for an output is written in place, without a copy.
   */
  run(
    feeds: Feeds,
    fetches?: readonly string[] | Readonly<Record<string, Tensor | null>>,
  ): Promise<Record<string, Tensor>>;
  /**
   * Leaves the outputs that were loaded as `resident` on the device. There only where it has a memory of its own.
   *
   * @param outputs wanted besides
   */
  runResident?(
    feeds: Feeds,
    outputs: readonly string[],
  ): Promise<{
    readonly results: Record<string, Tensor>;
    readonly kept: Record<string, Resident>;
  }>;
  /** Gives back the memory of the model. */
  release(): Promise<void>;
}

/** Values by the name of the input that takes them. */
export type Feeds = Readonly<Record<string, Tensor | Resident>>;

/** ONNX Runtime on one device. All of Thaw runs models through it. Tensors are plain data: type, shape, data. */
export interface Runtime {
  /** The execution provider: `cpu`, `cuda`, … */
  readonly device: string;
  /** Bytes that its sessions can have together, if they cannot have all of the machine's memory. */
  readonly memory?: number;
  /** Prepares an encoded model for running. */
  load(model: Uint8Array, options?: SessionOptions): Promise<Session>;
  /** Prepares a model whose weights are too many to be encoded, from where they are. */
  loadLarge?(model: Model, options?: SessionOptions): Promise<Session>;
}
