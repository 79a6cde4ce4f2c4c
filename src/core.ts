/**
 * Thaw's core: everything that runs in a browser as in Node. It knows no files, no terminals and no ONNX Runtime; a `Runtime`
 * is given to it.
 */

export * from './compiler/autodiff/index.ts';
export * from './compiler/import/index.ts';
export * from './compiler/kernels/index.ts';
export * from './compiler/losses/index.ts';
export * from './compiler/optimizers/index.ts';
export * from './compiler/shapes/index.ts';
export * from './compiler/step/index.ts';
export * from './compiler/surgery/index.ts';
export * from './data/index.ts';
export * from './data/text/index.ts';
export { type ErrorCode, ThawError } from './errors.ts';
export * from './export/index.ts';
export * from './federated/flower/index.ts';
export * from './federated/index.ts';
export * from './onnx/index.ts';
export { Random, type RandomState } from './random.ts';
export * from './report/index.ts';
export * from './runtime/index.ts';
export * from './session/index.ts';
// Not the runtime's, which has the same name.
export { Session } from './session/index.ts';
export * from './tasks/index.ts';
export * from './tasks/metrics/index.ts';
export * from './training/index.ts';
export { answersBy, type OwnPart, type RoundClient } from './worker/index.ts';
