import type { GraphBuilder, Value } from '../../onnx/index.ts';
import type { MapShape } from './convolution/geometry.ts';

/**
 * Spreads x `[N, C, …]` out with zeros: along spatial axis i, element j moves to j·strides[i], and the axis becomes strides[i] times
 * as long. A transposed convolution with a filter of one 1 is faster than products with one-hot masks, `Pad`, `Concat` or
 * `DepthToSpace`.
 */
export function insertZeros(b: GraphBuilder, x: Value<MapShape>, strides: readonly number[]): Value<MapShape> {
  if (strides.every((s) => s === 1)) return x;
  const [, channels, ...spatial] = x.shape;
  const one = b.expand(b.scalar(1, x.type), [channels, 1, ...strides.map(() => 1)]);
  const attributes = { strides, group: channels, output_padding: strides.map((s) => s - 1) };
  return b.convTranspose(
    x,
    one,
    attributes,
    spatial.map((d, i) => d * strides[i]),
  );
}
