export { type Clipping, clipped, type Units } from './clipping.ts';
export type { Optimizer, OptimizerOptions, Slots } from './optimizer.ts';
export { OPTIMIZERS, type OptimizerName } from './optimizers.ts';
