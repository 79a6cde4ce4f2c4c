import type { Graph, Node, Tensor } from '../onnx/index.ts';

/** Graphs inside a node: the branches of `If`, the bodies of `Loop` and `Scan`. */
export const subgraphs = (node: Node): readonly Graph[] =>
  Object.values(node.attributes).flatMap((attribute) =>
    attribute.kind === 'graph' ? [attribute.value] : attribute.kind === 'graphs' ? attribute.value : [],
  );

/** Names of the values that a node reads, those that its subgraphs take from outside included. */
export const readsOf = (node: Node): readonly string[] => [
  ...node.inputs.filter((name) => name !== ''),
  ...subgraphs(node).flatMap(captured),
];

function captured(graph: Graph): string[] {
  const own = new Set([...graph.inputs.map(({ name }) => name), ...graph.initializers.keys()]);
  for (const { outputs } of graph.nodes) for (const output of outputs) own.add(output);
  const read = [...graph.nodes.flatMap(readsOf), ...graph.outputs.map(({ name }) => name)];
  return read.filter((name) => !own.has(name));
}

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
