/** Thaw in Node: the core, the jobs of the command line as functions, and what they stand on. */
export * from './core.ts';
export {
  augmentImage,
  checkImage,
  decodeImage,
  ImageSource,
  type OpenDatasetOptions,
  openDataset,
  openImages,
  preview,
  thumbnail,
} from './data/node/index.ts';
export * from './node/commands/index.ts';
export { type Doctor, diagnose } from './node/doctor.ts';
export { readModelFile, writeModelFile } from './node/models/files.ts';
export { type ResolvedModel, type ResolveOptions, resolveModel, startingPoints } from './node/models/index.ts';
export { createRun, openRun, type RunReader, type RunWriter, resumeRun } from './node/run/index.ts';
export { chooseDevice, deviceOptions } from './runtime/node/devices.ts';
export { nodeRuntime } from './runtime/node/sessions.ts';
export { startThread, type ThreadOptions } from './worker/node/start-thread.ts';
