import {
  brier,
  type Calibration,
  calibration,
  crossFitted,
  fitTemperature,
  logLoss,
  type Outcome,
  tempered,
} from '../metrics/index.ts';
import type { ClassOutcome } from './types.ts';

/** Scores of probabilities. */
export interface ProbabilityScores {
  readonly logLoss: number;
  readonly brier: number;
  readonly calibration: Calibration;
}

/** A temperature for a finished model, and its effect. Plain data. */
export interface TemperatureFit {
  /** Divides the logits before the softmax. Null if it cannot be fitted (for example, without a wrong prediction) or does not help. */
  readonly temperature: number | null;
  /** The fitted temperature. Differs from `temperature` if it does not reduce the log loss; null if it cannot be fitted. */
  readonly fitted: number | null;
  /** Number of samples for the fit. */
  readonly samples: number;
  /**
   * Samples of the measurements `without` and `with`: `other` samples than those of the fit, or the same samples in five `parts` by
   * cross-validation.
   */
  readonly measured: 'other' | 'parts';
  readonly without: ProbabilityScores;
  readonly with: ProbabilityScores;
}

/**
 * @param others labelled samples for the measurement
 * @param seed seed for splitting the samples into parts
 */
export function temperatureFit(
  predictions: readonly ClassOutcome[],
  { seed, others }: { readonly seed: number; readonly others?: readonly ClassOutcome[] },
): TemperatureFit {
  const fitted = fitTemperature(predictions);
  const measured = others ? 'other' : 'parts';
  const without = others ?? predictions;
  const cooled =
    fitted === null ? without : others ? atTemperature(others, fitted) : crossFitted(predictions, { seed });
  const samples = predictions.length;
  const scores = { without: probabilityScores(without), with: probabilityScores(cooled) };
  const temperature = scores.with.logLoss < scores.without.logLoss ? fitted : null;
  return { temperature, fitted, samples, measured, ...scores };
}

/** Predictions with probabilities at a temperature. */
export const atTemperature = <P extends Outcome>(predictions: readonly P[], temperature: number): P[] =>
  predictions.map((prediction) => ({
    ...prediction,
    probabilities: tempered(prediction.probabilities, temperature),
  }));

const probabilityScores = (outcomes: readonly Outcome[]): ProbabilityScores => ({
  logLoss: logLoss(outcomes),
  brier: brier(outcomes),
  calibration: calibration(outcomes),
});
