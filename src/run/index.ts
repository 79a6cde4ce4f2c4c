export type { CheckpointKind, LoadedCheckpoint } from './checkpoint.ts';
export {
  createRun,
  openRun,
  RECORD_FILE,
  REPORT_FILE,
  type RunReader,
  type RunWriter,
  resumeRun,
} from './directory.ts';
export { FeatureFolder } from './feature-folder.ts';
export { checkIdentity, identifySamples, type RunIdentity, type SampleIdentity } from './identity.ts';
export { takeLock } from './lock.ts';
export type { RunSource } from './source.ts';
