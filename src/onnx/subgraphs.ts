import type { Graph, Node } from './model.ts';

/** Graphs inside a node: the branches of `If`, the bodies of `Loop` and `Scan`. */
export function subgraphs({ attributes }: Node): readonly Graph[] {
  let found = NONE;
  for (const name in attributes) {
    const attribute = attributes[name];
    if (attribute.kind === 'graph') found = [...found, attribute.value];
    else if (attribute.kind === 'graphs') found = [...found, ...attribute.value];
  }
  return found;
}

/** Of nearly all nodes; they are asked often. */
const NONE: readonly Graph[] = [];

/** Names of the values that a node reads, those that its subgraphs take from outside included. */
export function readsOf(node: Node): readonly string[] {
  const own = node.inputs.includes('') ? node.inputs.filter((name) => name !== '') : node.inputs;
  const graphs = subgraphs(node);
  return graphs.length ? [...own, ...graphs.flatMap(captured)] : own;
}

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
