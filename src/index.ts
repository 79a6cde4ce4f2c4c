/**
 * Thaw in Node: fine-tuning, finished models, and what is around them. Everything runs on this machine.
 *
 * @module thaw
 */
export { overlayPixels } from './data/index.ts';
export { type ErrorCode, ThawError } from './errors.ts';
export {
  calibrate,
  clean,
  exportRun as exportModel,
  findLr as findLearningRate,
  finishFederation,
  firstState,
  inspectModel as inspect,
  type JobEvent as TrainingEvent,
  type JobHooks as Hooks,
  joinFederation,
  type ModelInspection as Inspection,
  merge as mergeAdapters,
  previewImages as preview,
  round as federatedRound,
  serveStudio,
  suggest,
  type TrainingResult,
  writeArtifacts,
  writeFederatedApp,
} from './node/commands/index.ts';
export { diagnose as doctor } from './node/doctor.ts';
export {
  evaluate,
  explain,
  type FilePrediction,
  type FineTuneRequest,
  fineTune,
  type JobOptions,
  loadModel,
  type ModelInput,
  predict,
  predictEach,
  pushToHub,
  resume,
  resumeSweep,
  type Sweep,
  sweep,
  type Training,
} from './node/library/index.ts';
export { startingPoints as listModels } from './node/models/index.ts';
export { serveModel as serve } from './node/serve/index.ts';
export { mlflow, type TrackerSink } from './node/tracking/index.ts';
export { nodeRuntime } from './runtime/node/sessions.ts';
export type {
  Explanation,
  LoadedModel,
  PredictionSettings,
  TrainingSettings,
  TrainSettingsInput as Config,
} from './session/index.ts';
export type { EpochEvaluation, Prediction, TaskEvaluation as Evaluation, TaskName } from './tasks/index.ts';
export { startThread } from './worker/node/start-thread.ts';
