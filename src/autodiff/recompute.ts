import { ELEMENTWISE, type GraphBuilder, isFloat, type Node, readsOf, type Value } from '../onnx/index.ts';
import { ADJOINT_DOMAIN, late, SHAPE_ONLY } from './adjoint.ts';

/** Gives a value of the forward pass to the backward pass, in which `trigger` is known by then. */
export type Recall = (value: Value, trigger: Value | undefined) => Value;

const CHEAP = new Set([...ELEMENTWISE.keys(), 'BatchNormalization', 'LayerNormalization']);

/** A layer normalization's other results, its statistics, are small and stay. */
const isCheap = ({ op, domain, outputs }: Node) =>
  domain === '' && CHEAP.has(op) && (outputs.length === 1 || op === 'LayerNormalization');

/**
 * What a backward pass can compute anew from what it keeps anyway, so that memory is free in between: results of elementwise
 * operators and normalizations. (Chen and others, Training Deep Nets with Sublinear Memory Cost, 2016, for cheap layers only.)
 *
 * @param forward nodes of the forward pass
 * @param backward nodes of a backward pass that keeps all it reads
 * @param data names of the values that vary with the data; what else there is costs little and stays
 */
export function recomputed(
  b: GraphBuilder,
  forward: readonly Node[],
  backward: readonly Node[],
  data: readonly string[],
): Recall {
  const kept = new Set(backward.flatMap(contentsReadBy));
  const varying = new Set(data);
  const producers = new Map<string, Node>();
  for (const node of forward) {
    const reads = readsOf(node);
    if (!reads.some((name) => varying.has(name))) continue;
    for (const output of node.outputs) varying.add(output);
    const [y] = node.outputs;
    const known = (name: string) => !varying.has(name) || data.includes(name) || kept.has(name) || producers.has(name);
    if (isCheap(node) && isFloat(b.value(y).type) && reads.every(known)) producers.set(y, node);
  }
  const anew = new Map<string, Value>();
  const recall: Recall = (value, trigger) => {
    const node = producers.get(value.name);
    if (!node || !trigger || trigger.shape[0] !== value.shape[0]) return value;
    const before = anew.get(value.name);
    if (before) return before;
    const inputs = node.inputs.map((name) => {
      if (name === '') return undefined;
      const input = b.value(name);
      if (producers.has(name)) return recall(input, trigger);
      return varying.has(name) ? late(b, input, trigger) : input;
    });
    const [result] = b.emit(node.op, inputs, [value], node.attributes, { domain: node.domain });
    anew.set(value.name, result);
    return result;
  };
  return recall;
}

const contentsReadBy = (node: Node): readonly string[] => {
  const ignored = node.domain === ADJOINT_DOMAIN ? SHAPE_ONLY[node.op] : undefined;
  return ignored ? node.inputs.filter((_, i) => !ignored.includes(i)) : readsOf(node);
};
