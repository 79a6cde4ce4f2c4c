export { OPTIMIZERS, type Optimizer, type OptimizerName, type OptimizerOptions } from './optimizers.ts';
