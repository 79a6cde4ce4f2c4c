import {
  type Dimension,
  type GraphBuilder,
  product,
  type SpatialAttributes,
  tensor,
  type Value,
} from '../../../onnx/index.ts';
import type { Machine } from '../lowering.ts';
import type { FilterShape, Geometry, MapShape } from './geometry.ts';

export interface CopyingFilter {
  readonly channels: number;
  readonly kernel: readonly number[];
  readonly type: Value['type'];
  readonly machine: Machine;
  /** Whether the taps are in reverse order. */
  readonly turned?: boolean;
}

/** A filter that copies each tap of a window into a separate channel, and adds empty channels if the machine needs them. */
export function copyingFilter(
  b: GraphBuilder,
  { channels, kernel, type, machine: { copies = 1 }, turned = false }: CopyingFilter,
): Value<FilterShape> {
  const taps = product(kernel);
  const whole = Math.ceil(taps / copies) * copies;
  const eye = new Float32Array(whole * taps);
  for (let i = 0; i < taps; i++) eye[i * taps + (turned ? taps - 1 - i : i)] = 1;
  const one = b.cast(b.constant(tensor('float32', [1, whole, taps], eye), 'eye'), type);
  return b.reshape(b.expand(one, [channels, whole, taps]), [channels * whole, 1, ...kernel]);
}

/**
 * The elements of x `[N, C, …]` under each tap of a window: `[N, C, taps, …positions]`. It is a convolution, which uses every core; slices
 * and pads use one.
 *
 * @param filter from `copyingFilter`
 */
export function tapsUnder(
  b: GraphBuilder,
  x: Value<MapShape>,
  filter: Value<FilterShape>,
  attributes: SpatialAttributes,
): Value<readonly [Dimension, number, number, ...number[]]> {
  const [batch, channels] = x.shape;
  const [filters, , ...kernel] = filter.shape;
  const [taps, whole] = [product(kernel), filters / channels];
  const copied = b.conv(x, filter, undefined, { ...attributes, group: channels });
  const [, , ...positions] = copied.shape;
  const seen = b.reshape(copied, [batch, channels, whole, ...positions]);
  return whole === taps ? seen : b.slice(seen, 2, 0, taps);
}

export const windowAttributes = ({ strides, dilations, begins, ends }: Geometry): SpatialAttributes => ({
  strides,
  dilations,
  pads: [...begins, ...ends],
});

/** The shape `[N, rows, positions]`. */
export type Rows = readonly [Dimension, number, number];

/**
 * `im2col`: the elements of x under each tap, `[N, C·K, positions]` in the order of the weights, or of the filter if it is given.
 *
 * @param filter from `copyingFilter`, for windows of more than one element
 */
export function columns(
  b: GraphBuilder,
  x: Value<MapShape>,
  sizes: Geometry,
  filter: Value<FilterShape> | undefined,
): Value<Rows> {
  const { batch, channels, taps, positions, strides, spatial } = sizes;
  if (!filter) {
    const seen = strides.reduce((rest, s, i) => (s === 1 ? rest : b.slice(rest, 2 + i, 0, spatial[i], s)), x);
    return b.reshape(seen, [batch, channels, positions]);
  }
  return b.reshape(tapsUnder(b, x, filter, windowAttributes(sizes)), [batch, channels * taps, positions]);
}
