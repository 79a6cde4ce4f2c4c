/** Thaw in Node: the core, the jobs of the command line as functions, and what they stand on. */
export * from './core.ts';
export {
  augmentPicture,
  checkPicture,
  decodePicture,
  type OpenDatasetOptions,
  openDataset,
  openPictures,
  PictureSource,
  preview,
  thumbnail,
} from './data/node/index.ts';
export * from './jobs/index.ts';
export { readModelFile, writeModelFile } from './models/files.ts';
export { type ResolvedModel, type ResolveOptions, resolveModel, startingPoints } from './models/index.ts';
export { startThread, type ThreadOptions } from './remote/node/start-thread.ts';
export { createRun, openRun, type RunReader, type RunWriter, resumeRun } from './run/index.ts';
export { chooseDevice, deviceOptions } from './runtime/node/devices.ts';
export { type Doctor, diagnose } from './runtime/node/doctor.ts';
export { nodeRuntime } from './runtime/node/sessions.ts';
