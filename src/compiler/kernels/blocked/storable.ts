import { ELEMENTWISE, type GraphBuilder, type Node, readersIn, sameShape, type Value } from '../../../onnx/index.ts';
import { ADJOINT_DOMAIN } from '../../autodiff/index.ts';
import { fitOf } from './forward.ts';
import { isFilter, isMap, isSingle, type PlaneFilter } from './region.ts';

/** Operators that an update may apply to a filter, whatever the order of its elements. */
const READERS = new Set([...ELEMENTWISE.keys(), 'ReduceSum']);

/**
 * The parameters to keep in blocks: filters that fill whole blocks, have more than one tap (one-tap filters are as fast to
 * reorder as to rotate), and are read only by convolutions, their gradients and elementwise operators.
 */
export function storable(b: GraphBuilder, parameters: readonly Value[], size: number): Value<PlaneFilter>[] {
  const readers = readersIn(b.nodes);
  const isFilterOf = (node: Node, name: string): boolean => {
    if (node.domain === ADJOINT_DOMAIN) return /^Conv(Input|Weight)Gradient$/.test(node.op);
    if (node.domain !== '' || !node.inputs.includes(name)) return false;
    return READERS.has(node.op) || (node.op === 'Conv' && node.inputs[1] === name && isDense(b, node, size));
  };
  const leadsTo = (name: string, shape: Value['shape']): boolean =>
    (readers.get(name) ?? []).some(({ op, outputs: [output] }) => {
      if (op === 'Conv') return true;
      // A normalization that was folded into the filter is in between.
      return (
        op === 'Mul' &&
        sameShape(b.value(output).shape, shape) &&
        readers.get(output)?.some((next) => next.op === 'Conv' && isFilterOf(next, output))
      );
    });
  return parameters.filter(isFilter).filter(({ name, type, shape }) => {
    if (type !== 'float32') return false;
    const [o, i, kh, kw] = shape;
    if (o % size || i % size || kh * kw === 1) return false;
    return leadsTo(name, shape) && (readers.get(name) ?? []).every((node) => isFilterOf(node, name));
  });
}

/** Whether a convolution will read its maps in blocks, and a filter reads all of their channels. */
function isDense(b: GraphBuilder, node: Node, size: number): boolean {
  const [x, w, y] = [node.inputs[0], node.inputs[1], node.outputs[0]].map((name) => b.value(name));
  if (!isMap(x) || !isFilter(w) || !isMap(y) || isSingle(y.shape.slice(2))) return false;
  const [filters, channels] = w.shape;
  return x.shape[1] === channels && fitOf(size, { group: 1, channels, filters }) === 'dense';
}
