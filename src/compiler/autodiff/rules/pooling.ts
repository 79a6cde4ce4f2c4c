import { elementCount, isStatic, product, type Value } from '../../../onnx/index.ts';
import { averagePoolGradient, maxPoolGradient } from '../adjoint.ts';
import type { RuleContext, Rules } from '../rule.ts';
import { fixedSizes, padsOf } from './convolution.ts';

/** The windows of a pool, with every attribute explicit. */
function windows(context: RuleContext) {
  const { attributes, inputs } = context;
  const kernel_shape: number[] = attributes.kernel_shape.map(Number);
  return {
    kernel_shape,
    strides: attributes.strides ?? kernel_shape.map(() => 1),
    dilations: attributes.dilations ?? kernel_shape.map(() => 1),
    pads: padsOf(inputs[0].shape, kernel_shape, attributes, context),
    ceil_mode: attributes.ceil_mode ?? 0,
  };
}

/** The same windows, padded at the end until the last ones are complete. */
function fullWindows(a: ReturnType<typeof windows>, input: readonly number[], output: readonly number[]) {
  const rank = input.length;
  const ends = input.map((d, i) => {
    const reach = (output[i] - 1) * a.strides[i] + a.dilations[i] * (a.kernel_shape[i] - 1) + 1;
    return Math.max(a.pads[rank + i], reach - d - a.pads[i]);
  });
  return { ...a, pads: [...a.pads.slice(0, rank), ...ends], ceil_mode: 0 };
}

const spatialAxes = ({ inputs: [x] }: RuleContext) => x.shape.slice(2).map((_, i) => i + 2);

export const pooling: Rules = {
  // y = maximum of each window        ∂x = ∂y at the first maximum
  MaxPool: (context) => {
    const { b, inputs, outputs, dy } = context;
    return [() => maxPoolGradient(b, dy[0], inputs[0], outputs[0], windows(context))];
  },

  // y = zeros with x at the indices, which count the elements of all of y      ∂x = ∂y at the indices
  MaxUnpool: ({ b, inputs: [, indices], dy: [dy] }) => [() => b.gather(b.reshape(dy, [product(dy.shape)]), indices)],

  // y = mean of each window            ∂x = ∂y / n spread over each window
  AveragePool: (context) => {
    const { b, inputs, dy, attributes } = context;
    const a = { ...windows(context), count_include_pad: attributes.count_include_pad ?? 0 };
    return [() => averagePoolGradient(b, dy[0], inputs[0], a)];
  },

  // y = (Σ |x|ᵖ)^(1/p) of each window  ∂x = sign x·|x|ᵖ⁻¹·(∂y·y¹⁻ᵖ spread over each window)
  LpPool: (context) => {
    const { b, inputs, outputs, dy, attributes } = context;
    const { p = 2 } = attributes;
    const [x] = inputs;
    const a = fullWindows(windows(context), fixedSizes(x.shape, context), fixedSizes(outputs[0].shape, context));
    const elements = a.kernel_shape.reduce((all, k) => all * k, 1);
    return [
      () => {
        const scaled = b.mul(b.mul(dy[0], b.pow(b.max(outputs[0], 1e-30), 1 - p)), elements);
        const spread = averagePoolGradient(b, scaled, x, { ...a, count_include_pad: 1 });
        return b.mul(b.mul(b.sign(x), b.pow(b.abs(x), p - 1)), spread);
      },
    ];
  },

  // y = mean of each map               ∂x = ∂y / n
  GlobalAveragePool: (context) => {
    const { b, inputs, dy } = context;
    const [x] = inputs;
    const each = (): Value => {
      const spatial = x.shape.slice(2);
      if (isStatic(spatial)) return b.mul(dy[0], 1 / elementCount(spatial));
      const sizes = b.cast(b.slice(b.shapeOf(x), 0, 2, x.shape.length), x.type);
      return b.div(dy[0], b.reduce('ReduceProd', sizes));
    };
    return [() => b.expand(each(), x.shape, x)];
  },

  // y = maximum of each map           ∂x = ∂y·[x = y] / Σ [x = y]
  GlobalMaxPool: (context) => {
    const { b, inputs, outputs, dy } = context;
    const chosen = () => b.cast(b.equal(inputs[0], outputs[0]), inputs[0].type);
    const count = () => b.reduceSum(chosen(), spatialAxes(context), { keepdims: true });
    return [() => b.mul(chosen(), b.div(dy[0], count()))];
  },

  // y = (Σ |x|ᵖ)^(1/p) of each map     ∂x = ∂y·sign x·|x|ᵖ⁻¹·y¹⁻ᵖ
  GlobalLpPool: ({ b, inputs: [x], outputs: [y], dy: [dy], attributes: { p = 2 } }) => [
    () => b.mul(b.mul(b.sign(x), b.pow(b.abs(x), p - 1)), b.mul(dy, b.pow(b.max(y, 1e-30), 1 - p))),
  ],
};
