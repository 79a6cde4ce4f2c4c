import type { Attribute, Graph, Node } from './model.ts';

/** Graphs inside a node: the branches of `If`, the bodies of `Loop` and `Scan`. */
export function subgraphs({ attributes }: Node): readonly Graph[] {
  let found: Graph[] | undefined;
  for (const name in attributes) {
    const attribute = attributes[name];
    if (attribute.kind !== 'graph' && attribute.kind !== 'graphs') continue;
    found ??= [];
    if (attribute.kind === 'graph') found.push(attribute.value);
    else for (const graph of attribute.value) found.push(graph);
  }
  return found ?? NONE;
}

/** Shared by nearly all nodes, because this is called often. */
const NONE: readonly Graph[] = [];

/** The graph in an attribute of a node. */
export function subgraph({ attributes }: Node, name: string): Graph | undefined {
  const attribute = attributes[name];
  return attribute?.kind === 'graph' ? attribute.value : undefined;
}

/** A node with other graphs inside, or the node itself if it has none. */
export function withSubgraphs(node: Node, change: (graph: Graph) => Graph): Node {
  if (!subgraphs(node).length) return node;
  const attributes = Object.entries(node.attributes).map(([name, attribute]): [string, Attribute] => {
    if (attribute.kind === 'graph') return [name, { kind: 'graph', value: change(attribute.value) }];
    return [name, attribute.kind === 'graphs' ? { kind: 'graphs', value: attribute.value.map(change) } : attribute];
  });
  return { ...node, attributes: Object.fromEntries(attributes) };
}

/** Names of the values that a node reads, including those that its subgraphs read from outside. */
export function readsOf(node: Node): readonly string[] {
  const own = node.inputs.includes('') ? node.inputs.filter((name) => name !== '') : node.inputs;
  const graphs = subgraphs(node);
  return graphs.length ? [...own, ...graphs.flatMap(capturedIn)] : own;
}

/** Names of the values that only a node's subgraphs read, and not the node itself. */
export function capturedBy(node: Node): readonly string[] {
  const graphs = subgraphs(node);
  if (graphs.length === 0) return NO_NAMES;
  const own = new Set(node.inputs);
  return graphs.flatMap(capturedIn).filter((name) => !own.has(name));
}

const NO_NAMES: readonly string[] = [];

/** Names of the values that a node's subgraphs receive and compute. */
export const innerNames = (node: Node): readonly string[] =>
  subgraphs(node).flatMap(({ inputs, nodes }) => [
    ...inputs.map(({ name }) => name),
    ...nodes.flatMap((inner) => [...inner.outputs, ...innerNames(inner)]),
  ]);

/** The node that computes each value, by its name. */
export function producersIn(nodes: Iterable<Node>): Map<string, Node> {
  const producers = new Map<string, Node>();
  for (const node of nodes) for (const name of node.outputs) if (name !== '') producers.set(name, node);
  return producers;
}

/** The nodes that read each value, by its name. */
export function readersIn(nodes: readonly Node[]): Map<string, Node[]> {
  const readers = new Map<string, Node[]>();
  for (const node of nodes) {
    for (const name of new Set(readsOf(node))) {
      const known = readers.get(name);
      if (known) known.push(node);
      else readers.set(name, [node]);
    }
  }
  return readers;
}

/** Names of the values that a graph reads from enclosing graphs. */
export function capturedIn(graph: Graph): string[] {
  const own = new Set([...graph.inputs.map(({ name }) => name), ...graph.initializers.keys()]);
  for (const { outputs } of graph.nodes) for (const output of outputs) own.add(output);
  const read = [...graph.nodes.flatMap(readsOf), ...graph.outputs.map(({ name }) => name)];
  return read.filter((name) => !own.has(name));
}
