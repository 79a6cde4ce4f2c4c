import type { DataType, GraphBuilder, Shape, Value } from '../onnx/index.ts';

/** A scalar that training makes small, from the model's output and the labels. Formulas and options are PyTorch's. */
export interface Loss {
  /** The options that a user may set; none unless given. */
  readonly takes?: readonly (keyof LossOptions)[];
  /** Type and shape of the labels for an output of the given shape. */
  labels(output: Value, options: LossOptions): { readonly type: DataType; readonly shape: Shape };
  /** The mean over the batch, float32 `[]`. */
  build(b: GraphBuilder, output: Value, labels: Value, options: LossOptions): Value;
}

export interface LossOptions {
  /** cross-entropy: weight of each class. */
  readonly classWeights?: readonly number[];
  /** cross-entropy: share of the target that is spread evenly over all classes. */
  readonly labelSmoothing?: number;
  /** cross-entropy: samples with this label count for nothing. */
  readonly ignoreLabel?: number;
  /** cross-entropy: labels are probabilities shaped like the output, as blended samples have them; the mean is over the samples. */
  readonly softLabels?: boolean;
  /** bce-with-logits: weight of the positive examples of each class. */
  readonly positiveWeights?: readonly number[];
  /** huber: where the square ends and the line begins; 1 by default. */
  readonly delta?: number;
  /** focal: exponent that quiets easy examples; 2 by default. */
  readonly gamma?: number;
  /** focal: weight of positive examples, negative ones having 1 − α; 0.25 by default, a negative number for no weights. */
  readonly alpha?: number;
  /**
   * kl: softness of the student's distribution; 1 by default. The teacher's is to be as soft: its labels are softmax(scores / T).
   * supervised-contrastive, info-nce: τ, by which dot products are divided; 0.1 by default.
   */
  readonly temperature?: number;
  /** triplet: how much nearer samples of one class are to be than others; 0.2 by default. */
  readonly margin?: number;
  /** triplet: which of a batch's triplets count; `hard` by default. */
  readonly mining?: 'hard' | 'all';
}
