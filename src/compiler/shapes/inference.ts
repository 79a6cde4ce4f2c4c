import type { Model, Tensor, Typed } from '../../onnx/index.ts';

/** Facts about a model's values that are known before it runs. */
export interface Inference {
  /** The model that this describes: the given one, or an equivalent one with a free batch if the batch was fixed. */
  readonly model: Model;
  /**
   * Type and shape of every tensor of the graph: inputs, initializers and outputs of nodes. Values of subgraphs are included only for loops
   * that gradients can pass.
   */
  readonly values: ReadonlyMap<string, Typed>;
  /**
   * Values computed only from constants and from fixed shapes: known at compile time. Initializers are not repeated here. Values that
   * depend on weights, which training may change, and values larger than a mebibyte are left out.
   */
  readonly constants: ReadonlyMap<string, Tensor>;
  /** The original initializers, if training has changed those of the model. */
  readonly pretrained?: ReadonlyMap<string, Tensor>;
}
