import { product, type Value } from '../../onnx/index.ts';
import { norm, optimizer, shrunk } from './optimizer.ts';

/** Shapes of means along one of the last two axes: in a row's, the last axis is 1; in a column's, the one before it. */
const factors = (shape: readonly number[]) => ({
  row_var: [...shape.slice(0, -1), 1],
  col_var: [...shape.slice(0, -2), 1, ...shape.slice(-1)],
});

// r = r + (mean of g² over a row − r)tᵝ, c = likewise over a column, v = rc/mean(r); a vector has v itself as state. u = g/√v,
// p' = p − max(ε₂, RMS(p))·min(η, 1/√t)·u/max(1, RMS(u)/d)      (Shazeer and Stern, 2018; torch.optim.Adafactor)
export const adafactor = optimizer({
  byPlace: true,
  defaults: { beta2Decay: -0.8, epsilon: 2 ** -23, epsilon2: 1e-3, clipThreshold: 1, weightDecay: 0 },
  slots: (shape) => (shape.length > 1 ? factors(shape) : { variance: shape }),
  update(context) {
    const { b, parameter, gradient: g, slots, lr, options } = context;
    const t = b.cast(context.step, 'float32');
    const rootMean = (x: Value) => b.div(norm(b, x), Math.sqrt(size));
    const size = product(parameter.shape);
    const weight = b.pow(t, options.beta2Decay);
    const square = b.square(g);
    const moved = (slot: Value, x: Value) => b.add(slot, b.mul(b.sub(x, slot), weight));
    const along = (axis: number) => b.reduceMean(square, [axis], { keepdims: true });

    const next: Record<string, Value> = slots.variance
      ? { variance: moved(slots.variance, square) }
      : { row_var: moved(slots.row_var, along(-1)), col_var: moved(slots.col_var, along(-2)) };
    const { row_var, col_var, variance } = next;
    const whole = () => b.max(b.reduceMean(row_var, [-2], { keepdims: true }), options.epsilon);
    const v = variance ?? b.mul(b.div(row_var, whole()), col_var);
    const u = b.div(g, b.sqrt(b.max(v, options.epsilon ** 2)));
    const rate = b.mul(b.max(rootMean(parameter), options.epsilon2), b.min(lr, b.div(1, b.sqrt(t))));
    const clipped = b.div(rate, b.max(b.div(rootMean(u), options.clipThreshold), 1));
    return { next: b.sub(shrunk(context), b.mul(clipped, u)), slots: next };
  },
});
