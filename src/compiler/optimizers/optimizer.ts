import type { GraphBuilder, Value } from '../../onnx/index.ts';

/** Hyper-parameters, by PyTorch's names if it has them. Each optimizer takes some. */
export interface OptimizerOptions {
  readonly momentum?: number;
  readonly nesterov?: boolean;
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
  /** None on biases and normalization parameters. */
  readonly weightDecay?: number;
  /** adam, adamw: the greatest mean square so far in place of the present one (AMSGrad). */
  readonly amsgrad?: boolean;
  /** nadam, radam: decay apart from the gradient, as in AdamW. */
  readonly decoupled?: boolean;
  /** rmsprop: how much of the mean square stays at each step. */
  readonly alpha?: number;
  /** rmsprop: divides by the standard deviation of the gradient, not by its root mean square. */
  readonly centered?: boolean;
  /** nadam */
  readonly momentumDecay?: number;
  /** adafactor: the mean squares' β₂ at step t is 1 − t to this power. */
  readonly beta2Decay?: number;
  /** adafactor: least root mean square of a parameter that its rate is relative to. */
  readonly epsilon2?: number;
  /** adafactor: greatest root mean square of an update before its rate. */
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
  /** Number of this update, from 1, int64 scalar; with 0, Adam corrects no bias. */
  readonly step: Value;
  /** The value of the option named by `moves` at this step, float32 scalar, if a schedule moves it. */
  readonly moved?: Value;
  readonly options: Options;
}

export interface Update {
  readonly next: Value;
  readonly slots: Readonly<Record<string, Value>>;
}

/** Shapes of the state that one parameter has, by slot. */
export type Slots = Readonly<Record<string, readonly number[]>>;

/** A rule that makes a new parameter of an old one and its gradient. Its state begins at zero. */
export interface Optimizer<Options extends OptimizerOptions = OptimizerOptions> {
  /** The hyper-parameters that it takes. */
  readonly defaults: Options;
  /** The momentum, by its name here, where a schedule may move it (one cycle does). */
  readonly moves?: 'momentum' | 'beta1';
  /** Whether what becomes of an element depends on where in its parameter it is: on its row, its column. */
  readonly byPlace?: boolean;
  slots(shape: readonly number[], options: Options): Slots;
  update(context: UpdateContext<Options>): Update;
}

/** An optimizer whose options are those that it has defaults for. */
export const optimizer = <Options extends OptimizerOptions>(rule: Optimizer<Options>): Optimizer<Options> => rule;

// --- what formulas share ---------------------------------------------------------------------------------------------

type Decaying = UpdateContext<{ readonly weightDecay: number }>;

/** g + λp: decay as part of the gradient. */
export const decayed = ({ b, parameter, gradient, options: { weightDecay } }: Decaying): Value =>
  weightDecay ? b.add(gradient, b.mul(parameter, weightDecay)) : gradient;

/** p − ηλp: decay apart from the gradient. */
export const shrunk = ({ b, parameter, lr, options: { weightDecay } }: Decaying): Value =>
  weightDecay ? b.mul(parameter, b.sub(1, b.mul(lr, weightDecay))) : parameter;

/** Old value moved towards a new one: βs + (1 − β)x. */
export const average = (b: GraphBuilder, slot: Value, beta: number | Value, x: Value): Value =>
  b.add(b.mul(slot, beta), b.mul(x, typeof beta === 'number' ? 1 - beta : b.sub(1, beta)));

/** ‖x‖, Euclidean over all elements. */
export const norm = (b: GraphBuilder, x: Value): Value => b.sqrt(b.reduceSum(b.square(x)));

/** 1 + z/2·(1 + z/3·(1 + …)) = (eᶻ − 1)/z: for |z| < 1/4 the terms left out are below a float's last digit. */
export const exponentialSeries = (b: GraphBuilder, z: Value): Value =>
  [6, 5, 4, 3, 2].reduce<Value>((rest, k) => b.add(b.mul(b.mul(z, 1 / k), rest), 1), b.add(b.mul(z, 1 / 7), 1));

/** Below this |z|, 1 − eᶻ would lose digits in single precision. */
const SMALL = 0.25;

/**
 * 1 − βᵗ = 1 − eᶻ with z = t·ln β; for small z by the exponential's series, since it is then a small difference of numbers near 1, and
 * double precision is not to be had on every device. At step 0 it is 1, which corrects nothing, as ONNX's Adam has it.
 */
export const biasCorrection = (
  { b, step }: { readonly b: GraphBuilder; readonly step: Value },
  beta: number | Value,
): Value => {
  const z = b.mul(b.cast(step, 'float32'), typeof beta === 'number' ? Math.log(beta) : b.log(beta));
  const corrected = b.where(b.greater(z, -SMALL), b.neg(b.mul(z, exponentialSeries(b, z))), b.sub(1, b.exp(z)));
  return b.where(b.greater(step, 0), corrected, 1);
};
