import type { DataType, GraphBuilder, Shape, Value } from '../../onnx/index.ts';

/** A scalar that training makes small, from the model's output and the labels. Formulas and options are PyTorch's. */
export interface Loss {
  /** The options that a user may set; none unless given. */
  readonly takes?: readonly (keyof LossOptions)[];
  /** Type and shape of the labels for an output of the given shape. */
  labels(output: Value, options: LossOptions): { readonly type: DataType; readonly shape: Shape };
  /** Shape of the mask, float32, for an output of the given shape; only of losses that take the option `mask`. */
  mask?(output: Value, options: LossOptions): Shape;
  /** The mean over the batch, float32 `[]`. With a mask m, Σ m·loss / Σ m. */
  build(b: GraphBuilder, output: Value, labels: Value, options: LossOptions, mask?: Value): Value;
}

export interface LossOptions {
  /**
   * cross-entropy, kl, focal with softmax: the axis of the classes, 1 for `[N, C, …]` as in PyTorch and ONNX, -1 for `[N, …, C]`. Needed
   * for outputs of three axes or more, unless only one of these two has a static length.
   */
  readonly axis?: number;
  /** cross-entropy, kl, focal with softmax: weight of each class. */
  readonly classWeights?: readonly number[];
  /** cross-entropy: share of the target that is spread evenly over all classes. */
  readonly labelSmoothing?: number;
  /** cross-entropy, focal with softmax: places with this label count for nothing; -100 by default. */
  readonly ignoreLabel?: number;
  /** cross-entropy: labels are probabilities shaped like the output; the mean is over all places, whatever the weights. */
  readonly softLabels?: boolean;
  /** A further input says how much each place counts: 1 for whole, 0 for nothing. */
  readonly mask?: boolean;
  /** bce-with-logits: weight of the positive examples of each class. */
  readonly positiveWeights?: readonly number[];
  /** huber: where the square ends and the line begins; 1 by default. */
  readonly delta?: number;
  /** focal: `sigmoid` compares every score with its own label, `softmax` takes one class a place; `sigmoid` by default. */
  readonly kind?: 'sigmoid' | 'softmax';
  /** focal: exponent that quiets easy examples; 2 by default. */
  readonly gamma?: number;
  /** focal with sigmoid: weight of positive examples, negative ones having 1 − α; 0.25 by default, a negative number for no weights. */
  readonly alpha?: number;
  /**
   * kl: softness of the student's distribution; 1 by default. The teacher's is to be as soft: its labels are softmax(scores / T).
   * supervised-contrastive, info-nce: τ, by which dot products are divided; 0.1 by default.
   */
  readonly temperature?: number;
  /** kl: the mean is over samples, a sample's places summed (PyTorch's `batchmean`), or over places; `samples` by default. */
  readonly meanOver?: 'samples' | 'places';
  /** triplet: how much nearer samples of one class are to be than others; 0.2 by default. */
  readonly margin?: number;
  /** triplet: which of a batch's triplets count; `hard` by default. */
  readonly mining?: 'hard' | 'all';
}
