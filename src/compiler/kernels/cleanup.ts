import { capturedBy, GraphView, liveNodes, type Node, readsOf, type Tensor } from '../../onnx/index.ts';

/** Removes each `Identity` that only copies a result to an output: the result takes the output's name. */
export function withoutCopies(nodes: readonly Node[], outputs: readonly string[]): Node[] {
  const view = new GraphView({ nodes }, { named: outputs });
  // Subgraphs read outer values by name, so these names stay.
  const fixed = new Set(nodes.flatMap(capturedBy));
  const names = new Map<string, string>();
  const copies = new Set<Node>();
  for (const node of nodes) {
    const [from] = node.inputs;
    const [to] = node.outputs;
    if (node.op !== 'Identity' || !view.isOutput(to) || !view.producer(from)) continue;
    if (view.isOutput(from) || fixed.has(from) || names.has(from)) continue;
    names.set(from, to);
    copies.add(node);
  }
  const rename = (name: string) => names.get(name) ?? name;
  return nodes
    .filter((node) => !copies.has(node))
    .map((node) => ({ ...node, inputs: node.inputs.map(rename), outputs: node.outputs.map(rename) }));
}

/** Removes the nodes and initializers that no output depends on, because ONNX Runtime would run them. */
export function prune(
  graph: { nodes: Node[]; readonly initializers: Map<string, Tensor> },
  outputs: readonly string[],
): void {
  graph.nodes = liveNodes(graph.nodes, outputs);
  const needed = new Set([...outputs, ...graph.nodes.flatMap(readsOf)]);
  for (const name of [...graph.initializers.keys()]) if (!needed.has(name)) graph.initializers.delete(name);
}
