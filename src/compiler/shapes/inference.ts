import type { Model, Tensor, Typed } from '../../onnx/index.ts';

/** What is known of a model's values before it runs. */
export interface Inference {
  /** The model that this describes: the one given, or its equal with a free batch where that was fixed. */
  readonly model: Model;
  /**
   * Type and shape of every tensor of the graph: inputs, initializers and outputs of nodes. Of subgraphs, only the values of loops that
   * gradients can follow are among them.
   */
  readonly values: ReadonlyMap<string, Typed>;
  /**
   * Values computed only from constants and from shapes that do not vary: known when compiling. Initializers are not repeated here;
   * what depends on weights, which training may change, is none of them, nor is what is larger than a mebibyte.
   */
  readonly constants: ReadonlyMap<string, Tensor>;
  /** The initializers as they came, where training has changed those of the model. */
  readonly pretrained?: ReadonlyMap<string, Tensor>;
}
