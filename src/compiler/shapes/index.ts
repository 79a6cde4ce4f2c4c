export { SHAPE_ONLY } from './constants.ts';
export { type InferenceOptions, inferShapes } from './infer.ts';
export type { Inference } from './inference.ts';
