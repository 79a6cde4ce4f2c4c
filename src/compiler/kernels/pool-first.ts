import { freshName, type Node, producersIn, readersIn } from '../../onnx/index.ts';
import type { TypedGraph } from './selection.ts';

/**
 * The graph with `MaxPool(Relu(x))` as `Relu(MaxPool(x))`, which is the same, since the greatest of several is cut off like each of them: the activation
 * and its gradient pass over the pooled map, a quarter of the other. Where x has no positive element under a window, neither order lets a gradient
 * through.
 *
 * @param whole values that are read by their names, besides the graph's outputs
 * @param free whether a node may be taken for another
 */
export function poolFirst(
  { graph, values }: TypedGraph,
  whole: readonly string[],
  free: (node: Node) => boolean,
): TypedGraph {
  const kept = new Set([...whole, ...graph.outputs.map(({ name }) => name)]);
  const readers = readersIn(graph.nodes);
  const producers = producersIn(graph.nodes);
  const typed = new Map(values);
  const taken = new Set([...values.keys(), ...graph.initializers.keys()]);
  const rewritten = new Map<Node, readonly Node[]>();
  for (const pool of graph.nodes) {
    const [cut] = pool.inputs;
    const relu = producers.get(cut);
    const isPool = pool.op === 'MaxPool' && pool.domain === '' && pool.outputs.length === 1 && free(pool);
    if (!isPool || relu?.op !== 'Relu' || relu.domain !== '' || !free(relu)) continue;
    if (kept.has(cut) || readers.get(cut)!.length > 1) continue;
    const [pooled] = pool.outputs;
    const greatest = freshName(`${pooled}.greatest`, taken);
    const { type, shape } = values.get(pooled)!;
    typed.set(greatest, { type, shape });
    rewritten.set(relu, []);
    rewritten.set(pool, [
      { ...pool, inputs: [relu.inputs[0]], outputs: [greatest] },
      { ...relu, inputs: [greatest], outputs: [pooled] },
    ]);
  }
  const nodes = graph.nodes.flatMap((node) => rewritten.get(node) ?? [node]);
  return { graph: { ...graph, nodes }, values: typed };
}
