export { freeBatch } from './batch.ts';
export { type InferenceOptions, inferShapes } from './infer.ts';
export type { Inference } from './inference.ts';
