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

/** How good the probabilities are. */
export interface ProbabilityScores {
  readonly logLoss: number;
  readonly brier: number;
  readonly calibration: Calibration;
}

/** A temperature for a finished model, and what it does. Plain data. */
export interface TemperatureFit {
  /** What scores are divided by before the softmax; null where none can be fitted, as where no prediction is wrong, or where it gains nothing. */
  readonly temperature: number | null;
  /** The temperature that was fitted, and is not `temperature` where the log loss `with` it is no smaller than `without`; null where none can be. */
  readonly fitted: number | null;
  /** Samples that it was fitted on. */
  readonly samples: number;
  /**
   * What `without` and `with` were measured on: `other` samples than it was fitted on, or the same, in five `parts`, each at the
   * temperature that the other four give.
   */
  readonly measured: 'other' | 'parts';
  readonly without: ProbabilityScores;
  readonly with: ProbabilityScores;
}

/**
 * @param others to measure on, with known truths
 * @param seed shares the samples out among the parts
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

/** Predictions with their probabilities at a temperature. */
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
