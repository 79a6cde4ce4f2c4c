import { type GraphBuilder, isStatic, type Value } from '../onnx/index.ts';
import { family, type Lowering } from './lowering.ts';

/**
 * x as it is, by an operator that copies nothing and needs the trigger: `Reshape` to its own shape, of which the first axis is
 * read off the trigger.
 */
export function bindLate(b: GraphBuilder, x: Value, trigger: Value): Value {
  const [batch, ...rest] = x.shape;
  if (trigger.shape[0] !== batch || !isStatic(rest)) return x;
  const first = b.slice(b.shapeOf(trigger), 0, 0, 1);
  const target = rest.length ? b.concat([first, b.ints(rest)], 0) : first;
  return b.emit('Reshape', [x, target], [x])[0];
}

const LOWERINGS: readonly Lowering<readonly Value[]>[] = [
  { name: 'reshape', emit: (b, [x, trigger]) => bindLate(b, x, trigger) },
];

export const late = family(({ inputs }) => inputs, LOWERINGS);
