import type { GraphBuilder, Value } from '../../onnx/index.ts';
import { adamw } from './adam.ts';
import { average, norm, optimizer, shrunk } from './optimizer.ts';

/** Coefficients of the quintic iteration, and the smallest divisor of a matrix (Jordan et al., 2024). */
const [A, B, C] = [3.4445, -4.775, 2.0315];
const LEAST = 1e-7;

/** Rows and columns of a weight as a matrix: the rows are its outputs. Undefined for a vector. */
function matrixOf([rows, ...rest]: readonly number[]): [number, number] | undefined {
  const columns = rest.reduce((all, length) => all * length, 1);
  return rows > 1 && columns > 1 ? [rows, columns] : undefined;
}

/**
 * A matrix with the same singular vectors and singular values near 1: X = G/‖G‖, then, `iterations` times, X = aX + (bXXᵀ + c(XXᵀ)²)X
 * (Newton-Schulz), multiplied from the right if that product is smaller.
 */
function orthogonalized(b: GraphBuilder, matrix: Value<readonly [number, number]>, iterations: number): Value {
  const [rows, columns] = matrix.shape;
  const wide = rows <= columns;
  let x: Value = b.div(matrix, b.max(norm(b, matrix), LEAST));
  for (let i = 0; i < iterations; i++) {
    const gram = b.fusedMatMul(x, x, { transA: !wide, transB: wide });
    const update = b.add(b.mul(gram, B), b.mul(b.matmul(gram, gram), C));
    x = b.add(b.mul(x, A), wide ? b.matmul(update, x) : b.matmul(x, update));
  }
  return x;
}

/**
 * Scales the learning rate by a matrix's shape: `original` keeps the spectral norm of updates constant, `match_rms_adamw` gives them the
 * root mean square of AdamW's, so that one rate serves both (Liu et al., "Muon is scalable for LLM training", 2025).
 */
const ADJUST = {
  original: (rows: number, columns: number) => Math.sqrt(Math.max(1, rows / columns)),
  match_rms_adamw: (rows: number, columns: number) => 0.2 * Math.sqrt(Math.max(rows, columns)),
};

// v = μv + (1 − μ)g, p' = p − ηλp − η·a·orthogonalized(μv + (1 − μ)g), or orthogonalized(v) without Nesterov, for weights as matrices;
// AdamW
// for all others (Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024; torch.optim.Muon, which uses bfloat16)
const { amsgrad: _, ...ADAMW } = adamw.defaults;

export const muon = optimizer({
  byPlace: true,
  defaults: {
    ...ADAMW,
    momentum: 0.95,
    nesterov: true,
    weightDecay: 0.1,
    iterations: 5,
    adjustRate: 'match_rms_adamw' as keyof typeof ADJUST,
  },
  slots: (shape, options) =>
    matrixOf(shape) ? { momentum: shape } : adamw.slots(shape, { ...options, amsgrad: false }),
  update(context) {
    const { b, parameter, gradient, slots, lr, options } = context;
    const matrix = matrixOf(parameter.shape);
    if (!matrix) return adamw.update({ ...context, options: { ...options, amsgrad: false } });
    const v = average(b, slots.momentum, options.momentum, gradient);
    const direction = options.nesterov ? average(b, v, options.momentum, gradient) : v;
    const orthogonal = orthogonalized(b, b.reshape(direction, matrix), options.iterations);
    const rate = b.mul(lr, ADJUST[options.adjustRate](...matrix));
    const next = b.sub(shrunk(context), b.mul(rate, b.reshape(orthogonal, gradient.shape)));
    return { next, slots: { momentum: v } };
  },
});
