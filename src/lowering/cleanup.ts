import { type Node, readsOf, type Tensor } from '../onnx/index.ts';

/** Removes the nodes and initializers that no output depends on: ONNX Runtime would run them all the same. */
export function prune(
  graph: { nodes: Node[]; readonly initializers: Map<string, Tensor> },
  outputs: readonly string[],
): void {
  const needed = new Set(outputs);
  const live: Node[] = [];
  for (const node of [...graph.nodes].reverse()) {
    if (!node.outputs.some((name) => needed.has(name))) continue;
    live.push(node);
    for (const name of readsOf(node)) needed.add(name);
  }
  graph.nodes = live.reverse();
  for (const name of [...graph.initializers.keys()]) if (!needed.has(name)) graph.initializers.delete(name);
}
