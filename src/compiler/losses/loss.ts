import type { DataType, GraphBuilder, Shape, Value } from '../../onnx/index.ts';

/** A scalar that training minimizes, from the model's output and the labels. Formulas and options are PyTorch's. */
export interface Loss {
  /** The options that a user may set; by default, none. */
  readonly takes?: readonly (keyof LossOptions)[];
  /** Type and shape of the labels for an output of the given shape. */
  labels(output: Value, options: LossOptions): { readonly type: DataType; readonly shape: Shape };
  /** Shape of the mask, float32, for an output of the given shape. Only losses with the option `mask` have it. */
  mask?(output: Value, options: LossOptions): Shape;
  /** The mean over the batch, float32 `[]`. With a mask m, Σ m·loss / Σ m. */
  build(b: GraphBuilder, output: Value, labels: Value, options: LossOptions, mask?: Value): Value;
}

export interface LossOptions {
  /**
   * cross-entropy, kl, focal with softmax: the class axis, 1 for `[N, C, …]` as in PyTorch and ONNX, -1 for `[N, …, C]`. Required
   * for outputs of three axes or more, unless only one of these two axes has a static length.
   */
  readonly axis?: number;
  /** cross-entropy, kl, focal with softmax: weight of each class. */
  readonly classWeights?: readonly number[];
  /** cross-entropy: share of the target that is spread evenly over all classes. */
  readonly labelSmoothing?: number;
  /** cross-entropy, focal with softmax: places with this label are ignored; -100 by default. */
  readonly ignoreLabel?: number;
  /** cross-entropy: labels are probabilities in the output's shape; the mean is over all places, whatever the weights. */
  readonly softLabels?: boolean;
  /** Adds an input with the weight of each place: 1 counts in full, 0 is ignored. */
  readonly mask?: boolean;
  /** bce-with-logits: weight of the positive examples of each class. */
  readonly positiveWeights?: readonly number[];
  /** huber: the distance at which the square turns into a line; 1 by default. */
  readonly delta?: number;
  /** focal: `sigmoid` compares every score with its own label, `softmax` assumes one class per place; `sigmoid` by default. */
  readonly kind?: 'sigmoid' | 'softmax';
  /** focal: exponent that reduces the loss of easy examples; 2 by default. */
  readonly gamma?: number;
  /**
   * focal with sigmoid: weight of positive examples; negative ones have 1 − α. 0.25 by default; a negative number turns the weights off.
   */
  readonly alpha?: number;
  /**
   * kl: temperature of the student's softmax; 1 by default. The teacher's must be the same: its labels are softmax(scores / T).
   * supervised-contrastive, info-nce: τ, which divides dot products; 0.1 by default.
   */
  readonly temperature?: number;
  /** kl: takes the mean over samples, with a sample's places summed (PyTorch's `batchmean`), or over places; `samples` by default. */
  readonly meanOver?: 'samples' | 'places';
  /** triplet: the margin by which samples of one class should be nearer than others; 0.2 by default. */
  readonly margin?: number;
  /** triplet: the triplets of a batch that count; `hard` by default. */
  readonly mining?: 'hard' | 'all';
}
