import type { DataType, Model, Tensor } from '../onnx/index.ts';

/** How to load a model. */
export interface SessionOptions {
  /** `none` keeps all values observable. Default: `all`. */
  readonly optimization?: 'none' | 'all';
  /**
   * Whether ONNX Runtime may run the float operators of a quantized model in integer kernels, as other programs do. Default: false, so that
   * the session rounds as the ONNX standard says, on every processor (see `integer-kernels.ts`).
   */
  readonly integerKernels?: boolean;
  /**
   * Whether threads spin while they wait for work within a run. Default: true. That is faster if nothing else needs the processor;
   * otherwise it slows down other work. Between runs, they sleep.
   */
  readonly spinning?: boolean;
  /** Outputs to keep on the device, if it has its own memory. */
  readonly resident?: readonly string[];
}

/** A value in the device's own memory. */
export interface Resident {
  readonly type: DataType;
  readonly shape: readonly number[];
  /** Copies it to JavaScript. */
  read(): Promise<Tensor>;
  release(): void;
}

/** A loaded model. */
export interface Session {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /** Element types by output name, without outputs that are not tensors or have a type without a JavaScript equivalent. */
  readonly outputTypes: Readonly<Record<string, DataType>>;
  /**
   * Runs the model.
   *
   * @param feeds by input name
   * @param fetches the requested outputs; default: all. A tensor given for an output is written in place, without a copy.
   */
  run(
    feeds: Feeds,
    fetches?: readonly string[] | Readonly<Record<string, Tensor | null>>,
  ): Promise<Record<string, Tensor>>;
  /**
   * Keeps the `resident` outputs on the device. Only present if the device has its own memory.
   *
   * @param outputs other requested outputs
   */
  runResident?(
    feeds: Feeds,
    outputs: readonly string[],
  ): Promise<{
    readonly results: Record<string, Tensor>;
    readonly kept: Record<string, Resident>;
  }>;
  /** Frees the memory of the model. */
  release(): Promise<void>;
}

/** Values by input name. */
export type Feeds = Readonly<Record<string, Tensor | Resident>>;

/** ONNX Runtime on one device. All of Thaw runs models through it. Tensors are plain data: type, shape, data. */
export interface Runtime {
  /** The execution provider: `cpu`, `cuda`, … */
  readonly device: string;
  /** Memory limit of all its sessions in bytes, if they cannot use all of the machine's memory. */
  readonly memory?: number;
  /** Threads of each session, if not ONNX Runtime's default: one for each physical core. */
  readonly threads?: number;
  /** Loads an encoded model. */
  load(model: Uint8Array, options?: SessionOptions): Promise<Session>;
  /** Loads a model with too many weights to encode, directly from where its weights are. */
  loadLarge?(model: Model, options?: SessionOptions): Promise<Session>;
}
