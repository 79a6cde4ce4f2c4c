/** Thaw as a library for Node: the jobs of the commands, with types that follow from the task. */
export {
  type EvaluateRequest,
  evaluate,
  type FilePrediction,
  type LoadOptions,
  loadModel,
  type ModelInput,
  type PredictRequest,
  predict,
} from './finished.ts';
export { Job, type JobOptions } from './job.ts';
export {
  type FineTuneRequest,
  fineTune,
  type ResumeRequest,
  resume,
  resumeSweep,
  type Sweep,
  sweep,
  type Training,
} from './training.ts';
