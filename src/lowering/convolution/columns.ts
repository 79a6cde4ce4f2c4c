import { type GraphBuilder, product, type SpatialAttributes, tensor, type Value } from '../../onnx/index.ts';
import type { Machine } from '../lowering.ts';
import { type Geometry, isPointwise } from './geometry.ts';

/**
 * The elements of x `[N, C, …]` under each tap of a window: `[N, C, taps, …positions]`. It is a convolution with a filter that copies each
 * tap into a channel of its own, and unlike slices and pads one that uses every core.
 */
export function tapsUnder(
  b: GraphBuilder,
  x: Value,
  kernel: readonly number[],
  attributes: SpatialAttributes,
  { copies = 1 }: Machine,
): Value {
  const [batch, channels] = x.shape;
  const taps = product(kernel) as number;
  const whole = Math.ceil(taps / copies) * copies;
  const eye = new Float32Array(whole * taps);
  for (let i = 0; i < taps; i++) eye[i * taps + i] = 1;
  const one = b.cast(b.constant(tensor('float32', [1, whole, taps], eye), 'eye'), x.type);
  const filter = b.reshape(b.expand(one, [channels, whole, taps]), [(channels as number) * whole, 1, ...kernel]);
  const copied = b.conv(x, filter, undefined, { ...attributes, group: channels as number });
  const seen = b.reshape(copied, [batch, channels, whole, ...copied.shape.slice(2)]);
  return whole === taps ? seen : b.slice(seen, 2, 0, taps);
}

export const windowAttributes = ({ strides, dilations, begins, ends }: Geometry): SpatialAttributes => ({
  strides,
  dilations,
  pads: [...begins, ...ends],
});

/** `im2col`: the elements of x under each tap, `[N, C·K, positions]` in the order of the weights. */
export function columns(b: GraphBuilder, x: Value, sizes: Geometry, machine: Machine): Value {
  const { batch, channels, taps, positions, kernel, strides, spatial } = sizes;
  if (isPointwise(sizes)) {
    const seen = strides.reduce((rest, s, i) => (s === 1 ? rest : b.slice(rest, 2 + i, 0, spatial[i], s)), x);
    return b.reshape(seen, [batch, channels, positions]);
  }
  const under = tapsUnder(b, x, kernel, windowAttributes(sizes), machine);
  return b.reshape(under, [batch, channels * taps, positions]);
}
