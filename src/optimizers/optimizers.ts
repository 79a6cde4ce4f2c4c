import type { GraphBuilder, Value } from '../onnx/index.ts';

/** Hyper-parameters by PyTorch's names; which ones count depends on the optimizer. */
export interface OptimizerOptions {
  readonly momentum?: number;
  readonly nesterov?: boolean;
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
  readonly weightDecay?: number;
}

/** Values of one parameter at one step. */
export interface UpdateContext {
  readonly b: GraphBuilder;
  readonly parameter: Value;
  readonly gradient: Value;
  /** The parameter's state, by slot. */
  readonly slots: Readonly<Record<string, Value>>;
  /** Learning rate of this parameter, float32 scalar. */
  readonly lr: Value;
  /** Number of this update, from 1, int64 scalar; with 0, Adam corrects no bias. */
  readonly step: Value;
  readonly options: Required<OptimizerOptions>;
}

export interface Update {
  readonly next: Value;
  readonly slots: Readonly<Record<string, Value>>;
}

/** A rule that makes new parameters of old ones and their gradients. State slots are shaped like the parameter and begin at zero. */
export interface Optimizer {
  slots(options: Required<OptimizerOptions>): readonly string[];
  readonly defaults: Required<OptimizerOptions>;
  update(context: UpdateContext): Update;
}

const DEFAULTS = { momentum: 0, nesterov: false, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 };

/** g + λp: decay as part of the gradient. */
const decayed = ({ b, parameter, gradient, options: { weightDecay } }: UpdateContext): Value =>
  weightDecay ? b.add(gradient, b.mul(parameter, weightDecay)) : gradient;

/** Below this |z|, 1 − eᶻ would lose digits in single precision. */
const SMALL = 0.25;

/**
 * 1 − βᵗ = 1 − eᶻ with z = t·ln β; for small z by the exponential's series, since it is then a small difference of numbers near 1, and
 * double precision is not to be had on every device. At step 0 it is 1, which corrects nothing, as ONNX's Adam has it.
 */
const biasCorrection = ({ b, step }: UpdateContext, beta: number): Value => {
  const z = b.mul(b.cast(step, 'float32'), Math.log(beta));
  // 1 + z/2·(1 + z/3·(1 + …)): the terms left out are below a float's last digit.
  const series = [7, 6, 5, 4, 3, 2].reduce(
    (rest: Value | number, k) => b.add(b.mul(b.mul(z, 1 / k), rest), 1),
    1,
  ) as Value;
  const corrected = b.where(b.greater(z, -SMALL), b.neg(b.mul(z, series)), b.sub(1, b.exp(z)));
  return b.where(b.greater(step, 0), corrected, 1);
};

/** Old value moved towards a new one: βs + (1 − β)x. */
const average = (b: GraphBuilder, slot: Value, beta: number, x: Value): Value =>
  b.add(b.mul(slot, beta), b.mul(x, 1 - beta));

/**
 * m = β₁m + (1 − β₁)g, v = β₂v + (1 − β₂)g², p' = p − η/(1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε)
 * (Kingma and Ba, 2015; torch.optim.Adam)
 */
function adam(context: UpdateContext, parameter: Value, gradient: Value): Update {
  const { b, slots, lr, options } = context;
  const m = average(b, slots.exp_avg, options.beta1, gradient);
  const v = average(b, slots.exp_avg_sq, options.beta2, b.square(gradient));
  const rate = b.div(lr, biasCorrection(context, options.beta1));
  const scale = b.add(b.div(b.sqrt(v), b.sqrt(biasCorrection(context, options.beta2))), options.epsilon);
  return { next: b.sub(parameter, b.mul(rate, b.div(m, scale))), slots: { exp_avg: m, exp_avg_sq: v } };
}

export const OPTIMIZERS = {
  // v = μv + g, p' = p − ηv; with Nesterov p' = p − η(g + μv)      (torch.optim.SGD)
  sgd: {
    defaults: { ...DEFAULTS, momentum: 0.9 },
    slots: ({ momentum }) => (momentum ? ['momentum'] : []),
    update(context): Update {
      const { b, parameter, slots, lr, options } = context;
      const g = decayed(context);
      if (!options.momentum) return { next: b.sub(parameter, b.mul(lr, g)), slots: {} };
      const v = b.add(b.mul(slots.momentum, options.momentum), g);
      const direction = options.nesterov ? b.add(g, b.mul(v, options.momentum)) : v;
      return { next: b.sub(parameter, b.mul(lr, direction)), slots: { momentum: v } };
    },
  },

  // h = h + g², p' = p − ηg/(√h + ε)       (Duchi, Hazan and Singer, 2011; torch.optim.Adagrad)
  adagrad: {
    defaults: { ...DEFAULTS, epsilon: 1e-10 },
    slots: () => ['sum'],
    update(context): Update {
      const { b, parameter, slots, lr, options } = context;
      const g = decayed(context);
      const h = b.add(slots.sum, b.square(g));
      return { next: b.sub(parameter, b.mul(lr, b.div(g, b.add(b.sqrt(h), options.epsilon)))), slots: { sum: h } };
    },
  },

  adam: {
    defaults: DEFAULTS,
    slots: () => ['exp_avg', 'exp_avg_sq'],
    update: (context) => adam(context, context.parameter, decayed(context)),
  },

  // Adam with p first made smaller by ηλp, apart from the gradient      (Loshchilov and Hutter, 2019; torch.optim.AdamW)
  adamw: {
    defaults: { ...DEFAULTS, weightDecay: 0.01 },
    slots: () => ['exp_avg', 'exp_avg_sq'],
    update(context): Update {
      const { b, parameter, gradient, lr, options } = context;
      const shrunk = options.weightDecay ? b.mul(parameter, b.sub(1, b.mul(lr, options.weightDecay))) : parameter;
      return adam(context, shrunk, gradient);
    },
  },
} satisfies Record<string, Optimizer>;

export type OptimizerName = keyof typeof OPTIMIZERS;
