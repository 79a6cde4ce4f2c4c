/** Thaw as a library for Node: the jobs of the commands, with types that follow from the task. */
export {
  evaluate,
  explain,
  type FilePrediction,
  loadModel,
  type ModelInput,
  predict,
  predictEach,
} from './finished.ts';
export { pushToHub } from './hub.ts';
export { Job, type JobOptions } from './job.ts';
export {
  type FineTuneRequest,
  fineTune,
  resume,
  resumeSweep,
  type Sweep,
  sweep,
  type Training,
} from './training.ts';
