export type { CheckpointKind, LoadedCheckpoint } from './checkpoint.ts';
export {
  createRun,
  isFree,
  type Making,
  openRun,
  RECORD_FILE,
  REPORT_FILE,
  type RunReader,
  type RunWriter,
  resumeRun,
  unfinishedIn,
} from './directory.ts';
export { FeatureFolder } from './feature-folder.ts';
export { checkIdentity, identifySamples, type RunIdentity, type SampleIdentity } from './identity.ts';
export { takeLock } from './lock.ts';
export type { KnownSources, RunSource } from './source.ts';
