import { type Dimension, type GraphBuilder, tensor, type Value } from '../../../onnx/index.ts';

/** The size of an axis of x, int64 [1]. */
export const sizeOf = (b: GraphBuilder, x: Value, at: number): Value => b.gather(b.shapeOf(x), b.ints([at]));

/** The size of an axis of x as an int64 scalar. */
export const lengthOf = (b: GraphBuilder, x: Value, at: number): Value =>
  b.emit('Squeeze', [sizeOf(b, x, at)], [{ type: 'int64', shape: [] }])[0];

/** 0, 1, 2, … for each position along an axis of x, int64 [positions]. */
export function positionsOf(b: GraphBuilder, x: Value, at: number): Value {
  const size: Dimension = x.shape[at];
  if (typeof size === 'number') {
    const numbers = BigInt64Array.from({ length: size }, (_, i) => BigInt(i));
    return b.constant(tensor('int64', [size], numbers), 'positions');
  }
  return b.emit(
    'Range',
    [b.scalar(0, 'int64'), lengthOf(b, x, at), b.scalar(1, 'int64')],
    [{ type: 'int64', shape: [size] }],
  )[0];
}
