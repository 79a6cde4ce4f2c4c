/**
 * Thaw's core: everything that runs in a browser as in Node. It knows no files, no terminals and no ONNX Runtime; a `Runtime`
 * is given to it.
 */
export * from './artifacts/index.ts';
export * from './autodiff/index.ts';
export * from './data/index.ts';
export { type ErrorCode, ThawError } from './errors.ts';
export * from './export/index.ts';
export * from './federated/index.ts';
export * from './flower/index.ts';
export * from './layers/index.ts';
export * from './losses/index.ts';
export * from './lowering/index.ts';
export * from './metrics/index.ts';
export * from './onnx/index.ts';
export * from './optimizers/index.ts';
export { Random, type RandomState } from './random.ts';
export * from './recipe/index.ts';
export { answersBy, type OwnPart, type RoundClient } from './remote/index.ts';
export * from './report/index.ts';
export * from './runtime/index.ts';
export * from './session/index.ts';
// Not the runtime's, which has the same name.
export { Session } from './session/index.ts';
export * from './shapes/index.ts';
export * from './tasks/index.ts';
export * from './text/index.ts';
export * from './training/index.ts';
