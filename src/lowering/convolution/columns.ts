import { type GraphBuilder, product, tensor, type Value } from '../../onnx/index.ts';
import { type Geometry, isPointwise } from './geometry.ts';

/** A filter of K taps a channel that copies each tap into a channel of its own: `[C·K, 1, …kernel]`. */
export function copyingFilter(
  b: GraphBuilder,
  channels: number,
  kernel: readonly number[],
  type: Value['type'],
): Value {
  const taps = product(kernel) as number;
  const eye = new Float32Array(taps * taps);
  for (let i = 0; i < taps; i++) eye[i * taps + i] = 1;
  const one = b.cast(b.constant(tensor('float32', [1, taps, taps], eye), 'eye'), type);
  return b.reshape(b.expand(one, [channels, taps, taps]), [channels * taps, 1, ...kernel]);
}

export const copyingAttributes = ({ channels, strides, dilations, begins, ends }: Geometry) => ({
  group: channels,
  strides,
  dilations,
  pads: [...begins, ...ends],
});

/**
 * `im2col`: the elements of x under each tap, `[N, C·K, positions]` in the order of the weights. It is a convolution itself, and
 * unlike slices and pads one that uses every core.
 */
export function columns(b: GraphBuilder, x: Value, sizes: Geometry): Value {
  const { batch, channels, taps, positions, kernel, strides, spatial } = sizes;
  if (isPointwise(sizes)) {
    const seen = strides.reduce((rest, s, i) => (s === 1 ? rest : b.slice(rest, 2 + i, 0, spatial[i], s)), x);
    return b.reshape(seen, [batch, channels, positions]);
  }
  const filter = copyingFilter(b, channels, kernel, x.type);
  return b.reshape(b.conv(x, filter, undefined, copyingAttributes(sizes)), [batch, channels * taps, positions]);
}
