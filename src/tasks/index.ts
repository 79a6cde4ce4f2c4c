/** What a training is for. A new kind of task is a file here, an entry in `tasks.ts` and its facts. */

export { type AssessedClass, type Assessment, assess } from './classification/assessment.ts';
export { classification } from './classification/index.ts';
export { evaluationOf, predictionsOf, softmax } from './classification/metrics.ts';
export {
  atTemperature,
  type ProbabilityScores,
  type TemperatureFit,
  temperatureFit,
} from './classification/temperature-fit.ts';
export type { ClassScores, Evaluation, Prediction } from './classification/types.ts';
export type { Exhibit, Figures, Form, Table } from './exhibits.ts';
export { readFacts, type TaskFacts, type TaskName } from './facts.ts';
export {
  type Answer,
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
export { openTask, TASKS, type TaskKind, taskNames } from './tasks.ts';
