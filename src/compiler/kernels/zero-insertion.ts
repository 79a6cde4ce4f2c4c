import type { GraphBuilder, Value } from '../../onnx/index.ts';

/**
 * Spreads x `[N, C, …]` out with zeros: along spatial axis i, element j moves to j·strides[i], and the axis gets strides[i] times
 * as long. A transposed convolution with a filter of one 1 does this quicker than products with one-hot masks, `Pad`, `Concat` or
 * `DepthToSpace`.
 */
export function insertZeros(b: GraphBuilder, x: Value, strides: readonly number[]): Value {
  if (strides.every((s) => s === 1)) return x;
  const channels = x.shape[1] as number;
  const spatial = x.shape.slice(2) as number[];
  const one = b.expand(b.scalar(1, x.type), [channels, 1, ...strides.map(() => 1)]);
  const attributes = { strides, group: channels, output_padding: strides.map((s) => s - 1) };
  return b.convTranspose(
    x,
    one,
    attributes,
    spatial.map((d, i) => d * strides[i]),
  );
}
