import { type GraphBuilder, isStatic, type Shape, type Value } from '../../onnx/index.ts';
import { family, type Lowering } from './lowering.ts';

/**
 * x, unchanged, through an operator that copies nothing and needs the trigger: a `Reshape` to x's own shape. The first axis is read from
 * the trigger if both have the same; otherwise it is x's own plus zero times the trigger's.
 */
export function bindLate<S extends Shape>(b: GraphBuilder, x: Value<S>, trigger: Value): Value<S> {
  const [batch, ...rest] = x.shape;
  if (!isStatic(rest)) return x;
  const sizeOf = (value: Value) => b.slice(b.shapeOf(value), 0, 0, 1);
  const other = sizeOf(trigger);
  const first = trigger.shape[0] === batch ? other : b.add(sizeOf(x), b.sub(other, other));
  const target = rest.length ? b.concat([first, b.ints(rest)], 0) : first;
  return b.emit('Reshape', [x, target], [x])[0];
}

/**
 * x of a known shape, unchanged, through an operator that copies nothing and that ONNX Runtime moves no `Transpose` past: it would move one
 * behind each reader and so multiply it.
 *
 * @param trigger any value whose first axis is unknown at compile time
 */
export function heldInPlace<S extends readonly number[]>(b: GraphBuilder, x: Value<S>, trigger: Value): Value<S> {
  const batch = b.slice(b.shapeOf(trigger), 0, 0, 1);
  const zero = b.sub(batch, batch);
  // All sizes, because ONNX Runtime would derive a single one from the others.
  return b.emit('Reshape', [x, b.add(b.ints(x.shape), zero)], [x])[0];
}

const LOWERINGS: readonly Lowering<readonly Value[]>[] = [
  { name: 'reshape', emit: (b, [x, trigger]) => bindLate(b, x, trigger) },
];

export const late = family(({ inputs }) => inputs, LOWERINGS);
