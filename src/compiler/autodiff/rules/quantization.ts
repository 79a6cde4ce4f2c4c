import { axis, type DataType, elementCount, tensor, type Value } from '../../../onnx/index.ts';
import type { Rule, RuleContext, Rules } from '../rule.ts';
import { above, below } from './activations.ts';

/** The minimum and the maximum of the quantized types. */
const RANGES: Readonly<Partial<Record<DataType, readonly [number, number]>>> = {
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
};

/** The scale as numbers (one in total, or one per slice of `x` along the axis), and the shape in which they broadcast to `x`. */
function scaleOf({ inputs: [, scale], attributes, constant, refuse }: RuleContext, x: Value) {
  if (attributes.block_size) refuse('it has a scale for each block');
  const values = constant(scale);
  const along = axis(attributes.axis ?? 1, x.shape.length);
  return { values, shape: x.shape.map((_, i) => (values.length > 1 && i === along ? values.length : 1)) };
}

const fixedScale = ({ refuse }: RuleContext) => refuse('its scale depends on trainable parameters');

// q = min(max(⌊x/s⌉ + z, least), greatest)     ∂x = ∂q/s if not clipped, else 0: the rounding counts as the identity
const quantize: Rule = (context) => {
  const { b, inputs, outputs, dy, constant, refuse } = context;
  const [x, , zero] = inputs;
  const [least, greatest] = RANGES[outputs[0].type] ?? refuse(`it rounds to ${outputs[0].type}`);
  return [
    () => {
      const { values, shape } = scaleOf(context, x);
      const offsets = zero ? constant(zero) : [0];
      const bound = (limit: number) => values.map((s, i) => (limit - (offsets[i] ?? offsets[0])) * s);
      // Values that round to the minimum or the maximum are at most half a step beyond it.
      const [low, high] = [bound(least - 0.5), bound(greatest + 0.5)];
      if (elementCount(shape) === 1) {
        const inside = b.mul(b.mul(dy[0], above(b, x, low[0])), below(b, x, high[0]));
        return b.div(inside, values[0]);
      }
      const each = (numbers: readonly number[]) =>
        b.cast(b.constant(tensor('float32', shape, Float32Array.from(numbers))), x.type);
      const inside = b.and(b.greater(x, each(low)), b.less(x, each(high)));
      return b.where(inside, b.div(dy[0], each(values)), 0);
    },
    () => fixedScale(context),
  ];
};

// y = (q − z)·s     ∂q = ∂y·s, a float
const dequantize: Rule = (context) => {
  const { b, inputs, dy } = context;
  const [q] = inputs;
  return [
    () => {
      const { values, shape } = scaleOf(context, q);
      if (elementCount(shape) === 1) return b.mul(dy[0], values[0]);
      return b.mul(dy[0], b.cast(b.constant(tensor('float32', shape, Float32Array.from(values))), dy[0].type));
    },
    () => fixedScale(context),
  ];
};

/**
 * The straight-through estimator (Bengio et al., "Estimating or propagating gradients through stochastic neurons", 2013), as in
 * integer training (Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only
 * inference", 2018). The gradient of a quantized value is a float, in units of the integer.
 */
export const quantization: Rules = { QuantizeLinear: quantize, DequantizeLinear: dequantize };
