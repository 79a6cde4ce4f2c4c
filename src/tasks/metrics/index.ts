/** Metrics of predictions: pure functions, each equal to scikit-learn's of the same name unless noted. */

export { type BootstrapOptions, bootstrap, type Interval, quantile, wilson } from './intervals.ts';
export {
  type Averages,
  type ClassCounts,
  type ConfusedPair,
  confusedPairs,
  confusionMatrix,
  countsOf,
  type LabelScores,
  labelScores,
  scoresByClass,
} from './labels.ts';
export type { Outcome } from './outcome.ts';
export { brier, type Calibration, type CalibrationBin, calibration, logLoss, tempered } from './probabilities.ts';
export {
  areaUnderRoc,
  averagePrecision,
  meanDefined,
  type PrecisionRecallCurve,
  precisionRecallCurve,
  type Ranking,
  type RocCurve,
  ranking,
  rankOf,
  rocCurve,
  topK,
} from './ranking.ts';
export { crossFitted, fitTemperature, samplesToFit } from './temperature.ts';
