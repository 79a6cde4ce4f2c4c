/** What was said of a sample whose class is known. */
export interface Outcome {
  /** The true class, by its place among the outputs. */
  readonly label: number;
  readonly predicted: number;
  /** Probability of each class. */
  readonly probabilities: Float32Array;
}
