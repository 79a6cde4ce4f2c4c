export { Delivery, type Ending, type TrackerState } from './delivery.ts';
export { type MlflowOptions, mlflow } from './mlflow.ts';
export type { TrackedFile, TrackedMetrics, TrackedRun, TrackedStatus, TrackedSweep, TrackerSink } from './sink.ts';
export { checkSinks } from './sink.ts';
