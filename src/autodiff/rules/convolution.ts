import { explicitPads, type Shape } from '../../onnx/index.ts';
import { type ConvolutionAttributes, channelSum, convInputGradient, convWeightGradient } from '../adjoint.ts';
import type { Rule, RuleContext, Rules } from '../rule.ts';

/** Sizes of a picture, which must be fixed: pads and strides depend on them. */
export function fixedSizes(shape: Shape, { refuse }: RuleContext): number[] {
  const spatial = shape.slice(2);
  if (spatial.some((d) => typeof d !== 'number')) refuse('its picture size is not fixed: give one with --input');
  return spatial as number[];
}

/** Strides, dilations and groups written out. */
const written = (kernel: readonly number[], attributes: RuleContext['attributes']) => ({
  group: attributes.group ?? 1,
  strides: attributes.strides ?? kernel.map(() => 1),
  dilations: attributes.dilations ?? kernel.map(() => 1),
});

// y = x ∗ w + c        ∂x = ∂y ⋆ᵀ w, ∂w = x ⋆ ∂y, ∂c = Σ ∂y
export const convolve: Rule = (context) => {
  const { b, inputs, dy, attributes } = context;
  const [x, w] = inputs;
  const kernel = w.shape.slice(2) as number[];
  const pads = explicitPads(fixedSizes(x.shape, context), kernel, attributes);
  const a: ConvolutionAttributes = { ...written(kernel, attributes), pads };
  return [
    () => convInputGradient(b, dy[0], w, x, a),
    () => convWeightGradient(b, x, dy[0], w, a),
    () => channelSum(b, dy[0]),
  ];
};

/** Pads of a transposed convolution, from the size of its result: what the specification calls `total_padding`, halved. */
function transposedPads(
  [input, output]: [number[], number[]],
  kernel: readonly number[],
  { strides, dilations }: Pick<ConvolutionAttributes, 'strides' | 'dilations'>,
  { auto_pad = 'NOTSET', pads, output_padding, output_shape }: RuleContext['attributes'],
): number[] {
  if (auto_pad === 'NOTSET' && !output_shape) return pads ?? kernel.flatMap(() => [0, 0]);
  const total = kernel.map((k, i) =>
    Math.max(0, strides[i] * (input[i] - 1) + (output_padding?.[i] ?? 0) + (k - 1) * dilations[i] + 1 - output[i]),
  );
  const small = total.map((t) => Math.floor(t / 2));
  const large = total.map((t, i) => t - small[i]);
  return auto_pad === 'SAME_UPPER' ? [...small, ...large] : [...large, ...small];
}

export const convolution: Rules = {
  Conv: convolve,

  // y = x ⋆ᵀ w + c, the transpose of a convolution     ∂x = ∂y ∗ w, ∂w = ∂y ⋆ x, ∂c = Σ ∂y
  ConvTranspose: (context) => {
    const { b, inputs, outputs, dy, attributes } = context;
    const [x, w] = inputs;
    const kernel = w.shape.slice(2) as number[];
    const sizes = [fixedSizes(x.shape, context), fixedSizes(outputs[0].shape, context)] as [number[], number[]];
    const common = written(kernel, attributes);
    const a: ConvolutionAttributes = { ...common, pads: transposedPads(sizes, kernel, common, attributes) };
    return [
      () => b.conv(dy[0], w, undefined, a),
      () => convWeightGradient(b, dy[0], x, w, a),
      () => channelSum(b, dy[0]),
    ];
  },
};
