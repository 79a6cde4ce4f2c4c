import { type GraphBuilder, product, tensor, type Value } from '../onnx/index.ts';

/**
 * Spreads x `[N, C, …]` out with zeros: along spatial axis i, element j moves to j·strides[i], and the axis gets
 * strides[i] times as long.
 *
 * The two last axes are done by one product with a constant matrix of zeros and ones, which uses every core; ways that copy
 * (`Pad`, `Concat`, `DepthToSpace`) use one. An infinite element makes the zeros of its row NaN.
 */
export function insertZeros(b: GraphBuilder, x: Value, strides: readonly number[]): Value {
  if (strides.every((s) => s === 1)) return x;
  const rank = strides.length;
  const spatial = x.shape.slice(2) as number[];
  const spread = [...x.shape.slice(0, 2), ...spatial.map((d, i) => d * strides[i])];
  let rows = x;
  const width = spatial[rank - 1];
  const inner = strides[rank - 1];
  const outer = rank > 1 ? strides[rank - 2] : 1;
  if (inner * outer > 1) {
    const columns = width * inner * outer;
    const matrix = new Float32Array(width * columns);
    for (let j = 0; j < width; j++) matrix[j * columns + j * inner] = 1;
    rows = b.matmul(x, b.cast(b.constant(tensor('float32', [width, columns], matrix), 'spread'), x.type));
  }
  // Whole planes of zeros, for three spatial axes.
  for (let i = rank - 3; i >= 0; i--) {
    if (strides[i] === 1) continue;
    const plane = product(spread.slice(2 + i + 1));
    const before = [x.shape[0], product([x.shape[1], ...spatial.slice(0, i + 1)]), 1, plane];
    rows = b.pad(b.reshape(rows, before), [0, 0, 0, 0], [0, 0, strides[i] - 1, 0]);
  }
  return b.reshape(rows, spread);
}
