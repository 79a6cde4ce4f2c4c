import type { Tensor } from '../../onnx/index.ts';
import type { LossName, LossOptions } from '../losses/index.ts';
import {
  type Clipping,
  OPTIMIZERS,
  type Optimizer,
  type OptimizerName,
  type OptimizerOptions,
  type Slots,
} from '../optimizers/index.ts';
import type { Distillation } from './distillation.ts';

/** Dropout in front of some nodes, which read `value` (Srivastava et al., 2014). */
export interface DropoutPlan {
  readonly value: string;
  /** Names of the nodes; for a node without a name, its first output. */
  readonly into: ReadonlySet<string>;
  /** The fraction of elements that is dropped, 0 to 1. */
  readonly rate: number;
  /** Drops a sample as a whole, with one draw for each, as stochastic depth does (Huang et al., 2016). */
  readonly whole?: boolean;
}

/** μ/2·Σ(w − w⁰)² for all trainable parameters w; w⁰ are the given values, or the model's (FedProx: Li et al., 2020). */
export interface Proximity {
  readonly mu: number;
  readonly from: ReadonlyMap<string, Tensor>;
}

/** How the compiler turns a network into training graphs. */
export interface TrainingPlan {
  /** Names of the initializers that train. All others are constants. */
  readonly trainable: ReadonlySet<string>;
  /** The graph output that the loss reads. */
  readonly output: string;
  readonly loss: LossName;
  readonly lossOptions: LossOptions;
  /** Labels are blended in training: the cross-entropy reads them as probabilities, and in evaluation as classes. */
  readonly blendedLabels?: boolean;
  readonly optimizer: OptimizerName;
  readonly optimizerOptions: OptimizerOptions;
  /** λ of the penalty λ·Σw², which is added to the loss for every trainable weight with two or more axes; 0 for none. */
  readonly l2: number;
  /** λ of the penalty λ·Σ|w| for the same weights; 0 by default. */
  readonly l1?: number;
  /** α/2·Σ(w − w⁰)² for pretrained weights, with their distance from the pretrained values, and β/2·Σw² for `fresh` ones. */
  readonly l2sp?: { readonly alpha: number; readonly beta: number; readonly fresh: ReadonlySet<string> };
  readonly proximal?: Proximity;
  /** Applies only in the part that trainable parameters reach: the frozen part computes the same as in evaluation. */
  readonly dropout?: readonly DropoutPlan[];
  /** Distillation from the pretrained network, which is then part of the graph. */
  readonly distillation?: Distillation;
  /** Factor on the learning rate, by parameter; 1 for all others. */
  readonly learningRateScales: ReadonlyMap<string, number>;
  /** Number of updates before a parameter began to train. Its optimizer state does not count them. */
  readonly stepOffsets: ReadonlyMap<string, number>;
  /** Number of updates over which the rate of a parameter with such an offset rises linearly to its own; 0 for none. */
  readonly thawWarmup?: number;
  /**
   * `frozen` normalizes with the running statistics; `training` normalizes with the batch's and updates the running ones, in
   * layers whose scale or bias trains. A frozen layer's statistics never change.
   */
  readonly batchNorm: 'frozen' | 'training';
  /** The backward pass recomputes results of activations and normalizations instead of keeping them: less memory, more time. */
  readonly recompute?: boolean;
  /** Sums gradients over batches; a separate update applies their mean. Artifacts on disk are the same with and without it. */
  readonly accumulate?: boolean;
  /** Keeps a moving average of parameters and statistics, and evaluates it. Artifacts on disk are the same with and without it. */
  readonly average?: boolean;
  /** The optimizer's momentum is an input, `momentum`, which a schedule changes. */
  readonly movesMomentum?: boolean;
  /** Clips the gradients of an update; adaptive clipping skips the parameters in `except`. */
  readonly clip?: Clipping & { readonly except?: ReadonlySet<string> };
}

export const PLAN_DEFAULTS = {
  loss: 'cross-entropy',
  lossOptions: {},
  optimizer: 'adamw',
  optimizerOptions: {},
  l2: 0,
  learningRateScales: new Map<string, number>(),
  stepOffsets: new Map<string, number>(),
  batchNorm: 'frozen',
} as const;

/** The graphs' input for the mask of the loss. */
export const MASK = 'loss_mask';

/** The options of the loss in training. */
export const trainingOptions = ({ loss, lossOptions, blendedLabels }: TrainingPlan): LossOptions =>
  blendedLabels && loss === 'cross-entropy' ? { ...lossOptions, softLabels: true } : lossOptions;

/** The plan's optimizer, with all its hyper-parameters. */
export function optimizerOf(plan: Pick<TrainingPlan, 'optimizer' | 'optimizerOptions'>): {
  optimizer: Optimizer;
  options: OptimizerOptions;
} {
  const optimizer: Optimizer = OPTIMIZERS[plan.optimizer];
  return { optimizer, options: { ...optimizer.defaults, ...plan.optimizerOptions } };
}

/** Shapes of the optimizer's state for a parameter of this shape, by slot. */
export function slotsOf(plan: TrainingPlan, shape: readonly number[]): Slots {
  const { optimizer, options } = optimizerOf(plan);
  return optimizer.slots(shape, options);
}
