import { type Dimension, type GraphBuilder, tensor, type Value } from '../../../onnx/index.ts';

/** 0, 1, 2, … for each position along an axis of x, int64 [positions]. */
export function positionsOf(b: GraphBuilder, x: Value, at: number): Value {
  const size: Dimension = x.shape[at];
  if (typeof size === 'number') {
    const numbers = BigInt64Array.from({ length: size }, (_, i) => BigInt(i));
    return b.constant(tensor('int64', [size], numbers), 'positions');
  }
  const length = b.emit('Squeeze', [b.gather(b.shapeOf(x), b.ints([at]))], [{ type: 'int64', shape: [] }])[0];
  return b.emit('Range', [b.scalar(0, 'int64'), length, b.scalar(1, 'int64')], [{ type: 'int64', shape: [size] }])[0];
}
