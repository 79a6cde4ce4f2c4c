import {
  asStatic,
  explicitPads,
  isStatic,
  type Shape,
  type SpatialAttributes,
  staticSize,
  tensor,
} from '../../../onnx/index.ts';
import { type ConvolutionAttributes, channelSum, convInputGradient, convWeightGradient } from '../adjoint.ts';
import type { Rule, RuleContext, Rules } from '../rule.ts';

/** The sizes of an image, which must be fixed because the formula depends on them. */
export function fixedSizes(shape: Shape, { refuse }: RuleContext): readonly number[] {
  const spatial: Shape = shape.slice(2);
  return isStatic(spatial) ? spatial : refuse('its image size is not fixed: give one with --input');
}

type Spacing = Pick<ConvolutionAttributes, 'strides' | 'dilations'>;

/** Explicit pads. */
export const padsOf = (
  x: Shape,
  kernel: readonly number[],
  attributes: SpatialAttributes & { readonly auto_pad?: string },
  { refuse }: RuleContext,
): number[] =>
  explicitPads(x.slice(2), kernel, attributes) ??
  refuse('its strides and auto_pad make its pads depend on a size that is not fixed: give one with --input');

/** Explicit strides, dilations and groups. */
const written = (kernel: readonly number[], attributes: RuleContext['attributes']) => ({
  group: attributes.group ?? 1,
  strides: attributes.strides ?? kernel.map(() => 1),
  dilations: attributes.dilations ?? kernel.map(() => 1),
});

// y = x ∗ w + c        ∂x = ∂y ⋆ᵀ w, ∂w = x ⋆ ∂y, ∂c = Σ ∂y
export const convolve: Rule = (context) => {
  const { b, inputs, dy, attributes } = context;
  const [x, w] = inputs;
  const kernel = asStatic(w).shape.slice(2);
  const pads = padsOf(x.shape, kernel, attributes, context);
  const a: ConvolutionAttributes = { ...written(kernel, attributes), pads };
  return [
    () => convInputGradient(b, dy[0], w, x, a),
    () => convWeightGradient(b, x, dy[0], w, a),
    () => channelSum(b, dy[0]),
  ];
};

/** Pads of a transposed convolution, from the size of its result: half of `total_padding` in the specification. */
function transposedPads(context: RuleContext, kernel: readonly number[], { strides, dilations }: Spacing): number[] {
  const { auto_pad = 'NOTSET', pads, output_padding, output_shape } = context.attributes;
  if (auto_pad === 'NOTSET' && !output_shape) return pads ?? kernel.flatMap(() => [0, 0]);
  const [input, output] = [context.inputs[0], context.outputs[0]].map(({ shape }) => fixedSizes(shape, context));
  const total = kernel.map((k, i) =>
    Math.max(0, strides[i] * (input[i] - 1) + (output_padding?.[i] ?? 0) + (k - 1) * dilations[i] + 1 - output[i]),
  );
  const small = total.map((t) => Math.floor(t / 2));
  const large = total.map((t, i) => t - small[i]);
  return auto_pad === 'SAME_UPPER' ? [...small, ...large] : [...large, ...small];
}

/** Positions of each tap of each window among the elements of a padded image, `[taps · windows]`. */
function windowElements(
  padded: readonly number[],
  kernel: readonly number[],
  { strides, dilations }: Spacing,
): number[] {
  const grid = (sizes: readonly number[], at: (i: number, size: number) => number) =>
    sizes.reduce<number[]>(
      (all, size, i) => all.flatMap((before) => Array.from({ length: size }, (_, k) => before * padded[i] + at(i, k))),
      [0],
    );
  const windows = padded.map((d, i) => Math.floor((d - dilations[i] * (kernel[i] - 1) - 1) / strides[i]) + 1);
  const taps = grid(kernel, (i, k) => k * dilations[i]);
  const starts = grid(windows, (i, k) => k * strides[i]);
  return taps.flatMap((tap) => starts.map((start) => start + tap));
}

export const convolution: Rules = {
  Conv: convolve,

  // y = the sum of overlapping windows, given as columns [N, C · taps, windows]       ∂x = the columns of the windows of ∂y
  Col2Im: ({ b, inputs: [x, , block], dy: [dy], attributes, constant }) => [
    () => {
      const kernel = constant(block);
      const { strides, dilations } = written(kernel, attributes);
      const pads: number[] = attributes.pads?.map(Number) ?? kernel.flatMap(() => [0, 0]);
      const [batch, channels, ...spatial] = dy.shape;
      const [before, after] = [pads.slice(0, kernel.length), pads.slice(kernel.length)];
      const padded = b.pad(dy, [0, 0, ...before], [0, 0, ...after]);
      const sizes = spatial.map((_, i) => staticSize(padded, 2 + i));
      const elements = windowElements(sizes, kernel, { strides, dilations });
      const places = b.constant(tensor('int64', [elements.length], BigInt64Array.from(elements, BigInt)), 'windows');
      const flat = b.reshape(padded, [batch, channels, sizes.reduce((all, d) => all * d, 1)]);
      return b.reshape(b.gather(flat, places, 2), x.shape);
    },
  ],

  // y = x ⋆ᵀ w + c, the transpose of a convolution     ∂x = ∂y ∗ w, ∂w = ∂y ⋆ x, ∂c = Σ ∂y
  ConvTranspose: (context) => {
    const { b, inputs, dy, attributes } = context;
    const [x, w] = inputs;
    const kernel = asStatic(w).shape.slice(2);
    const common = written(kernel, attributes);
    const a: ConvolutionAttributes = { ...common, pads: transposedPads(context, kernel, common) };
    return [
      () => b.conv(dy[0], w, undefined, a, x.shape.slice(2)),
      () => convWeightGradient(b, dy[0], x, w, a),
      () => channelSum(b, dy[0]),
    ];
  },
};
