import type { GraphBuilder, Value } from '../../onnx/index.ts';
import {
  average,
  biasCorrection,
  decayed,
  norm,
  optimizer,
  shrunk,
  type Update,
  type UpdateContext,
} from './optimizer.ts';

interface Moments {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
}

/** √(v / (1 − β₂ᵗ)) + ε */
const scaleOf = (context: UpdateContext<Moments>, v: Value): Value => {
  const { b, options } = context;
  return b.add(b.div(b.sqrt(v), b.sqrt(biasCorrection(context, options.beta2))), options.epsilon);
};

/** m = β₁m + (1 − β₁)g, v = β₂v + (1 − β₂)g². */
function averages(context: UpdateContext<Moments>, gradient: Value) {
  const { b, slots, options, moved: beta1 = options.beta1 } = context;
  const exp_avg = average(b, slots.exp_avg, beta1, gradient);
  const exp_avg_sq = average(b, slots.exp_avg_sq, options.beta2, b.square(gradient));
  return { exp_avg, exp_avg_sq };
}

/** The averages, and the scale of v. */
function moments(context: UpdateContext<Moments>, gradient: Value) {
  const slots = averages(context, gradient);
  return { ...slots, scale: scaleOf(context, slots.exp_avg_sq) };
}

type WithMaximum = UpdateContext<Moments & { readonly amsgrad: boolean }>;

/**
 * p' = p − η/(1 − β₁ᵗ) · m / (√(v / (1 − β₂ᵗ)) + ε)      (Kingma and Ba, 2015; torch.optim.Adam)
 *
 * AMSGrad: with u = max(u, v) instead of v      (Reddi et al., "On the convergence of Adam and beyond", 2018)
 */
function step(context: WithMaximum, parameter: Value, gradient: Value): Update {
  const { b, lr, slots, options, moved: beta1 = options.beta1 } = context;
  const next = averages(context, gradient);
  const maximum = options.amsgrad ? { max_exp_avg_sq: b.max(slots.max_exp_avg_sq, next.exp_avg_sq) } : undefined;
  const scale = scaleOf(context, maximum?.max_exp_avg_sq ?? next.exp_avg_sq);
  const rate = b.div(lr, biasCorrection(context, beta1));
  return { next: b.sub(parameter, b.mul(rate, b.div(next.exp_avg, scale))), slots: { ...next, ...maximum } };
}

const slots = (shape: readonly number[]) => ({ exp_avg: shape, exp_avg_sq: shape });
const slotsWithMaximum = (shape: readonly number[], { amsgrad }: { readonly amsgrad: boolean }) =>
  amsgrad ? { ...slots(shape), max_exp_avg_sq: shape } : slots(shape);
const DEFAULTS = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 };

export const adam = optimizer({
  moves: 'beta1',
  defaults: { ...DEFAULTS, amsgrad: false as boolean },
  slots: (shape, options) => slotsWithMaximum(shape, options),
  update: (context) => step(context, context.parameter, decayed(context)),
});

// Adam after p is reduced by ηλp, separately from the gradient      (Loshchilov and Hutter, 2019; torch.optim.AdamW)
export const adamw = optimizer({
  moves: 'beta1',
  defaults: { ...DEFAULTS, weightDecay: 0.01, amsgrad: false as boolean },
  slots: (shape, options) => slotsWithMaximum(shape, options),
  update: (context) => step(context, shrunk(context), context.gradient),
});

type Decoupled = UpdateContext<{ readonly weightDecay: number; readonly decoupled: boolean }>;

/** The parameter and the gradient, one of which includes the decay. */
const decaying = (context: Decoupled): [parameter: Value, gradient: Value] =>
  context.options.decoupled ? [shrunk(context), context.gradient] : [context.parameter, decayed(context)];

// μₜ = β₁(1 − 0.96^(tψ)/2), Πₜ = μ₁⋯μₜ,  p' = p − η ((1 − μₜ)/(1 − Πₜ)·g + μₜ₊₁/(1 − Πₜμₜ₊₁)·m) / (√(v / (1 − β₂ᵗ)) + ε)
// (Dozat, 2016; torch.optim.NAdam). The state is c = 1 − Π: it starts at zero, so small values keep their precision.
export const nadam = optimizer({
  defaults: { ...DEFAULTS, momentumDecay: 0.004, decoupled: false as boolean },
  slots: (shape) => ({ ...slots(shape), mu_complement: [] }),
  update(context) {
    const { b, lr, step, options } = context;
    const [parameter, g] = decaying(context);
    const mu = (t: Value) =>
      b.mul(b.sub(1, b.mul(b.exp(b.mul(t, options.momentumDecay * Math.log(0.96))), 0.5)), options.beta1);
    const complement = (c: Value, mu: Value) => b.add(b.mul(mu, c), b.sub(1, mu));
    const t = b.cast(step, 'float32');
    const [now, next] = [mu(t), mu(b.add(t, 1))];
    const c = complement(context.slots.mu_complement, now);
    const { scale, ...averages } = moments(context, g);
    const direction = b.add(
      b.mul(g, b.div(b.sub(1, now), c)),
      b.mul(averages.exp_avg, b.div(next, complement(c, next))),
    );
    return {
      next: b.sub(parameter, b.mul(lr, b.div(direction, scale))),
      slots: { ...averages, mu_complement: c },
    };
  },
});

/** For smaller z, 2t/(eᶻ − 1) is computed by its series. */
const SHORT = 0.5;

/**
 * ρₜ = ρ∞ − 2tβ₂ᵗ/(1 − β₂ᵗ), ρ∞ = 2/(1 − β₂) − 1. The second term is 2t/(eᶻ − 1) with z = −t·ln β₂, for small z
 * 2t/z·(1 − z/2 + z²/12 − z⁴/720 + z⁶/30240 − …). Its first part is almost ρ∞; the difference of the two is computed at compile time.
 */
function averageLength(b: GraphBuilder, t: Value, beta2: number): Value {
  const infinite = 2 / (1 - beta2) - 1;
  const rate = -Math.log(beta2);
  const z = b.mul(t, rate);
  const square = b.square(z);
  const terms = b.add(b.mul(b.add(b.mul(square, -1 / 30240), 1 / 720), square), -1 / 12);
  const short = b.add(b.mul(t, b.add(b.mul(z, b.mul(terms, 2)), 1)), infinite - 2 / rate);
  const long = b.sub(infinite, b.div(b.mul(t, 2), b.sub(b.exp(z), 1)));
  return b.where(b.less(z, SHORT), short, long);
}

// p' = p − η m̂ r/(√v̂ + ε) if ρₜ > 5, else p − η m̂, with r² = (ρₜ − 4)(ρₜ − 2)ρ∞ / ((ρ∞ − 4)(ρ∞ − 2)ρₜ) and ε added to √v, not √v̂
// (Liu et al., 2020; torch.optim.RAdam)
export const radam = optimizer({
  defaults: { ...DEFAULTS, decoupled: false as boolean },
  slots,
  update(context) {
    const { b, lr, options } = context;
    const [parameter, g] = decaying(context);
    const exp_avg = average(b, context.slots.exp_avg, options.beta1, g);
    const exp_avg_sq = average(b, context.slots.exp_avg_sq, options.beta2, b.square(g));
    const infinite = 2 / (1 - options.beta2) - 1;
    const length = averageLength(b, b.cast(context.step, 'float32'), options.beta2);
    const squared = b.div(
      b.mul(b.mul(b.sub(length, 4), b.sub(length, 2)), infinite / ((infinite - 4) * (infinite - 2))),
      length,
    );
    const correction = b.sqrt(b.mul(b.max(squared, 0), biasCorrection(context, options.beta2)));
    const adaptive = b.div(correction, b.add(b.sqrt(exp_avg_sq), options.epsilon));
    const rate = b.mul(b.div(lr, biasCorrection(context, options.beta1)), b.where(b.greater(length, 5), adaptive, 1));
    return { next: b.sub(parameter, b.mul(rate, exp_avg)), slots: { exp_avg, exp_avg_sq } };
  },
});

// r = m̂/(√v̂ + ε) + λp, p' = p − η ‖p‖/‖r‖ r, with a ratio of 1 if either norm is zero      (You et al., 2020, Algorithm 2)
export const lamb = optimizer({
  defaults: { ...DEFAULTS, epsilon: 1e-6, weightDecay: 0.01 },
  slots,
  update(context) {
    const { b, parameter, lr, options } = context;
    const { scale, ...averages } = moments(context, context.gradient);
    const adaptive = b.div(b.div(averages.exp_avg, biasCorrection(context, options.beta1)), scale);
    const r = options.weightDecay ? b.add(adaptive, b.mul(parameter, options.weightDecay)) : adaptive;
    const [size, length] = [norm(b, parameter), norm(b, r)];
    const ratio = b.where(b.greater(b.mul(size, length), 0), b.div(size, length), 1);
    return { next: b.sub(parameter, b.mul(b.mul(lr, ratio), r)), slots: averages };
  },
});
