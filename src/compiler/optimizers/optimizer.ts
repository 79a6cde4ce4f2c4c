import type { GraphBuilder, Value } from '../../onnx/index.ts';

/** Hyper-parameters, with PyTorch's names if it has them. Each optimizer accepts some of them. */
export interface OptimizerOptions {
  readonly momentum?: number;
  readonly nesterov?: boolean;
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
  /** Not applied to biases and normalization parameters. */
  readonly weightDecay?: number;
  /** adam, adamw: uses the largest mean square so far instead of the current one (AMSGrad). */
  readonly amsgrad?: boolean;
  /** nadam, radam: decay separate from the gradient, as in AdamW. */
  readonly decoupled?: boolean;
  /** rmsprop: decay rate of the mean square. */
  readonly alpha?: number;
  /** rmsprop: divides by the standard deviation of the gradient instead of its root mean square. */
  readonly centered?: boolean;
  /** nadam */
  readonly momentumDecay?: number;
  /** adafactor: the mean squares' β₂ at step t is 1 − t to this power. */
  readonly beta2Decay?: number;
  /** adafactor: minimum root mean square of a parameter, to which its rate is relative. */
  readonly epsilon2?: number;
  /** adafactor: maximum root mean square of an update before its rate. */
  readonly clipThreshold?: number;
  /** muon: Newton-Schulz iterations. */
  readonly iterations?: number;
  /** muon: how the rate follows a matrix's shape. */
  readonly adjustRate?: 'original' | 'match_rms_adamw';
}

/** Values of one parameter at one step. */
export interface UpdateContext<Options extends OptimizerOptions = OptimizerOptions> {
  readonly b: GraphBuilder;
  readonly parameter: Value<readonly number[]>;
  readonly gradient: Value;
  /** The parameter's state, by slot. */
  readonly slots: Readonly<Record<string, Value>>;
  /** Learning rate of this parameter, float32 scalar. */
  readonly lr: Value;
  /** Number of this update, starting at 1, int64 scalar; with 0, Adam skips its bias correction. */
  readonly step: Value;
  /** The value of the option named by `moves` at this step, float32 scalar, if a schedule changes it. */
  readonly moved?: Value;
  readonly options: Options;
}

export interface Update {
  readonly next: Value;
  readonly slots: Readonly<Record<string, Value>>;
}

/** Shapes of the state of one parameter, by slot. */
export type Slots = Readonly<Record<string, readonly number[]>>;

/** A rule that computes a new parameter from an old one and its gradient. Its state starts at zero. */
export interface Optimizer<Options extends OptimizerOptions = OptimizerOptions> {
  /** The hyper-parameters that it accepts, with their default values. */
  readonly defaults: Options;
  /** The name of the momentum here, if a schedule may change it (one-cycle does). */
  readonly moves?: 'momentum' | 'beta1';
  /** Whether an element's update depends on its position in the parameter: its row or its column. */
  readonly byPlace?: boolean;
  slots(shape: readonly number[], options: Options): Slots;
  update(context: UpdateContext<Options>): Update;
}

/** An optimizer that accepts the options for which it has defaults. */
export const optimizer = <Options extends OptimizerOptions>(rule: Optimizer<Options>): Optimizer<Options> => rule;

// --- what formulas share ---------------------------------------------------------------------------------------------

type Decaying = UpdateContext<{ readonly weightDecay: number }>;

/** g + λp: decay as part of the gradient. */
export const decayed = ({ b, parameter, gradient, options: { weightDecay } }: Decaying): Value =>
  weightDecay ? b.add(gradient, b.mul(parameter, weightDecay)) : gradient;

/** p − ηλp: decay separate from the gradient. */
export const shrunk = ({ b, parameter, lr, options: { weightDecay } }: Decaying): Value =>
  weightDecay ? b.mul(parameter, b.sub(1, b.mul(lr, weightDecay))) : parameter;

/** Moves an old value towards a new one: βs + (1 − β)x. */
export const average = (b: GraphBuilder, slot: Value, beta: number | Value, x: Value): Value =>
  b.add(b.mul(slot, beta), b.mul(x, typeof beta === 'number' ? 1 - beta : b.sub(1, beta)));

/** ‖x‖, Euclidean over all elements. */
export const norm = (b: GraphBuilder, x: Value): Value => b.sqrt(b.reduceSum(b.square(x)));

/** 1 + z/2·(1 + z/3·(1 + …)) = (eᶻ − 1)/z: for |z| < 1/4 the omitted terms are below a float's last digit. */
export const exponentialSeries = (b: GraphBuilder, z: Value): Value =>
  [6, 5, 4, 3, 2].reduce<Value>((rest, k) => b.add(b.mul(b.mul(z, 1 / k), rest), 1), b.add(b.mul(z, 1 / 7), 1));

/** For smaller |z|, 1 − eᶻ would lose precision in float32. */
const SMALL = 0.25;

/**
 * 1 − βᵗ = 1 − eᶻ with z = t·ln β. For small z, it is a small difference of numbers near 1, so it uses the exponential's series:
 * not every device has double precision. At step 0 it is 1, which corrects nothing, as in ONNX's Adam.
 */
export const biasCorrection = (
  { b, step }: { readonly b: GraphBuilder; readonly step: Value },
  beta: number | Value,
): Value => {
  const z = b.mul(b.cast(step, 'float32'), typeof beta === 'number' ? Math.log(beta) : b.log(beta));
  const corrected = b.where(b.greater(z, -SMALL), b.neg(b.mul(z, exponentialSeries(b, z))), b.sub(1, b.exp(z)));
  return b.where(b.greater(step, 0), corrected, 1);
};
