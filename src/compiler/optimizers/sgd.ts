import { average, decayed, optimizer, shrunk, type Update } from './optimizer.ts';

// v = μv + g, p' = p − ηv; with Nesterov p' = p − η(g + μv)      (torch.optim.SGD)
export const sgd = optimizer({
  moves: 'momentum',
  defaults: { momentum: 0.9, nesterov: false as boolean, weightDecay: 0 },
  slots: (shape, { momentum }) => ({ ...(momentum ? { momentum: shape } : {}) }),
  update(context): Update {
    const { b, parameter, slots, lr, options, moved = options.momentum } = context;
    const g = decayed(context);
    if (!options.momentum) return { next: b.sub(parameter, b.mul(lr, g)), slots: {} };
    const v = b.add(b.mul(slots.momentum, moved), g);
    const direction = options.nesterov ? b.add(g, b.mul(v, moved)) : v;
    return { next: b.sub(parameter, b.mul(lr, direction)), slots: { momentum: v } };
  },
});

// p' = p − η(sign(β₁m + (1 − β₁)g) + λp), m = β₂m + (1 − β₂)g      (Chen et al., "Symbolic discovery of optimization algorithms", 2023)
export const lion = optimizer({
  defaults: { beta1: 0.9, beta2: 0.99, weightDecay: 0 },
  slots: (shape) => ({ exp_avg: shape }),
  update(context) {
    const { b, gradient, slots, lr, options } = context;
    const direction = b.sign(average(b, slots.exp_avg, options.beta1, gradient));
    return {
      next: b.sub(shrunk(context), b.mul(lr, direction)),
      slots: { exp_avg: average(b, slots.exp_avg, options.beta2, gradient) },
    };
  },
});
