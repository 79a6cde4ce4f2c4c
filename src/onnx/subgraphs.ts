import type { Graph, Node } from './model.ts';

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

/** The nodes that read each value, by its name. */
export function readersIn(nodes: readonly Node[]): Map<string, Node[]> {
  const readers = new Map<string, Node[]>();
  for (const node of nodes) {
    for (const name of new Set(readsOf(node))) readers.set(name, [...(readers.get(name) ?? []), node]);
  }
  return readers;
}

function captured(graph: Graph): string[] {
  const own = new Set([...graph.inputs.map(({ name }) => name), ...graph.initializers.keys()]);
  for (const { outputs } of graph.nodes) for (const output of outputs) own.add(output);
  const read = [...graph.nodes.flatMap(readsOf), ...graph.outputs.map(({ name }) => name)];
  return read.filter((name) => !own.has(name));
}
