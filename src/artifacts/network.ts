import type { Model, Tensor, Typed } from '../onnx/index.ts';

/** What running a model tells of its values: see `src/shapes`. */
export interface Inference {
  /** Type and shape of every value, the batch kept symbolic. */
  readonly values: ReadonlyMap<string, Typed>;
  /** Contents of the values that are computed from constants and fixed shapes only. */
  readonly constants: ReadonlyMap<string, Tensor>;
}

/** A model ready for the compiler: opset 18 or later, initializers apart from inputs, every value's shape known. */
export interface Network {
  readonly model: Model;
  readonly inference: Inference;
}
