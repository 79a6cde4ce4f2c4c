import { average, decayed, optimizer } from './optimizer.ts';

// h = h + g², p' = p − ηg/(√h + ε)       (Duchi, Hazan and Singer, 2011; torch.optim.Adagrad)
export const adagrad = optimizer({
  defaults: { epsilon: 1e-10, weightDecay: 0 },
  slots: (shape) => ({ sum: shape }),
  update(context) {
    const { b, parameter, slots, lr, options } = context;
    const g = decayed(context);
    const h = b.add(slots.sum, b.square(g));
    return { next: b.sub(parameter, b.mul(lr, b.div(g, b.add(b.sqrt(h), options.epsilon)))), slots: { sum: h } };
  },
});

// s = αs + (1 − α)g², u = g/(√s + ε), p' = p − ηu; centered √(s − ḡ²) with ḡ = αḡ + (1 − α)g; with momentum v = μv + u, p' = p − ηv
// (Tieleman and Hinton, 2012; Graves, 2013; torch.optim.RMSprop)
export const rmsprop = optimizer({
  defaults: { alpha: 0.99, momentum: 0, centered: false as boolean, epsilon: 1e-8, weightDecay: 0 },
  slots: (shape, { momentum, centered }) => ({
    square_avg: shape,
    ...(centered ? { grad_avg: shape } : {}),
    ...(momentum ? { momentum: shape } : {}),
  }),
  update(context) {
    const { b, parameter, slots, lr, options } = context;
    const g = decayed(context);
    const square = average(b, slots.square_avg, options.alpha, b.square(g));
    const mean = options.centered ? average(b, slots.grad_avg, options.alpha, g) : undefined;
    const scale = b.add(b.sqrt(mean ? b.sub(square, b.square(mean)) : square), options.epsilon);
    const u = b.div(g, scale);
    const v = options.momentum ? b.add(b.mul(slots.momentum, options.momentum), u) : undefined;
    return {
      next: b.sub(parameter, b.mul(lr, v ?? u)),
      slots: { square_avg: square, ...(mean ? { grad_avg: mean } : {}), ...(v ? { momentum: v } : {}) },
    };
  },
});
