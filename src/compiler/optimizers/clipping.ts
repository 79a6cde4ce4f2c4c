import type { GraphBuilder, Value } from '../../onnx/index.ts';
import { norm } from './optimizer.ts';

/** The limit that clips gradients: exactly one of these. */
export interface Clipping {
  /** Maximum norm of all gradients together. */
  readonly norm?: number;
  /** Maximum absolute value of an element. */
  readonly value?: number;
  /** Maximum norm of each unit's gradient relative to the norm of the unit's weights. */
  readonly adaptive?: number;
}

/** A parameter, and the axis of its units. Its units are its outputs, each with the weights that lead to it. A vector is one unit. */
export interface Units {
  readonly parameter: Value;
  readonly axis: number;
}

/** Minimum norm of a unit's weights, and of a gradient that is divided by its own norm (Brock et al.; timm). */
const LEAST_WEIGHTS = 1e-3;
const LEAST_GRADIENT = 1e-6;

/**
 * Clips gradients that are too large.
 *
 * @param units by parameter, for the parameters that adaptive clipping covers
 */
export function clipped(
  b: GraphBuilder,
  gradients: ReadonlyMap<string, Value>,
  { norm: most, value, adaptive }: Clipping,
  units: ReadonlyMap<string, Units>,
): ReadonlyMap<string, Value> {
  const each = (clip: (gradient: Value, name: string) => Value) =>
    new Map([...gradients].map(([name, gradient]) => [name, clip(gradient, name)]));

  // g·min(1, c/(‖g‖ + 10⁻⁶)), with the norm of all gradients together      (torch.nn.utils.clip_grad_norm_)
  if (most !== undefined) {
    const whole = b.sqrt(b.sum([...gradients.values()].map((g) => b.reduceSum(b.square(g)))));
    const factor = b.min(b.div(most, b.add(whole, 1e-6)), 1);
    return each((g) => b.mul(g, factor));
  }
  // max(−c, min(c, g))      (torch.nn.utils.clip_grad_value_)
  if (value !== undefined) return each((g) => b.max(b.min(g, value), -value));
  // gᵢ·min(1, λ·max(‖wᵢ‖, 10⁻³)/‖gᵢ‖) for every unit i      (Brock et al., "High-performance large-scale image recognition without
  // normalization", 2021; timm's adaptive_clip_grad)
  if (adaptive !== undefined) {
    return each((g, name) => {
      const unit = units.get(name);
      if (!unit) return g;
      const most = b.mul(b.max(unitNorm(b, unit.parameter, unit.axis), LEAST_WEIGHTS), adaptive);
      return b.mul(g, b.min(b.div(most, b.max(unitNorm(b, g, unit.axis), LEAST_GRADIENT)), 1));
    });
  }
  return gradients;
}

function unitNorm(b: GraphBuilder, x: Value, axis: number): Value {
  if (x.shape.length < 2) return norm(b, x);
  const others = x.shape.map((_, i) => i).filter((i) => i !== axis);
  return b.sqrt(b.reduceSum(b.square(x), others, { keepdims: true }));
}
