/** The learning tasks. A new task is a folder here, an entry in `tasks.ts`, and its facts. */

export { type AssessedClass, type Assessment, assess } from './classification/assessment.ts';
export { classification } from './classification/index.ts';
export { evaluationOf, predictionsOf, softmax } from './classification/metrics.ts';
export {
  LEAST_SAMPLES,
  type ProbabilityScores,
  type TemperatureFit,
  temperatureFit,
} from './classification/temperature-fit.ts';
export type { ClassOutcome, ClassScores, Evaluation } from './classification/types.ts';
export {
  answerOf,
  fitUnknown,
  type LabelledFeatures,
  measureUnknown,
  openUnknown,
  readNote,
  refitThreshold,
  type UnknownAnswer,
  type UnknownFit,
  type UnknownNote,
  type UnknownReport,
} from './classification/unknown/index.ts';
export {
  type EmbeddingAssessment,
  type EmbeddingEvaluation,
  type EmbeddingOutcome,
  embedding,
} from './embedding/index.ts';
export { evaluatedSchema, metricSchema, scoresSchema, withoutZeros } from './evaluated.ts';
export { type FactsOf, factsSchema, readFacts, type TaskFacts, type TaskName } from './facts.ts';
export { type LabelsOutcome, type MultiLabelEvaluation, multiLabel, type ScoresOfLabel } from './multi-label/index.ts';
export type {
  ClassMistake,
  ClassPrediction,
  EmbeddingPrediction,
  EpochEvaluation,
  LabelsMistake,
  LabelsPrediction,
  NumbersPrediction,
  Prediction,
  TaskEvaluation,
  TaskTypes,
} from './prediction.ts';
export { mostProbable, type RankedLabel, rankedLabels } from './prediction.ts';
export { type NumberScores, type NumbersOutcome, type RegressionEvaluation, regression } from './regression/index.ts';
export {
  type Figures,
  type Form,
  type Images,
  MOST_ROWS,
  type ReportBlock,
  type Scatter,
  type Table,
  weakestFirst,
} from './report-blocks.ts';
export {
  type Answer,
  bestMerit,
  type Evaluated,
  type Labelled,
  type Metric,
  merit,
  metricOf,
  type Scores,
  type Tally,
  type Task,
  type TaskOutcome,
} from './task.ts';
export { learnTask, openTask, TASKS, type TaskKind, type TaskOptions, taskNames } from './tasks.ts';
