/** A prediction for a sample with a known class. */
export interface Outcome {
  /** Index of the true class among the outputs. */
  readonly label: number;
  readonly predicted: number;
  /** Probability of each class. */
  readonly probabilities: Float32Array;
}
