import type { Graph, Node, ValueInfo } from './model.ts';
import { subgraphs, withSubgraphs } from './subgraphs.ts';

/** The name of a node in messages and settings: its own, or that of its first result. */
export const labelOf = ({ name, outputs }: Node): string => name || outputs[0];

/** The inputs for data: older files also list initializers among the inputs. */
export const dataInputsOf = ({ inputs, initializers }: Graph): ValueInfo[] =>
  inputs.filter(({ name }) => !initializers.has(name));

/** Every name of a value in the graph and in its subgraphs. */
export function valueNames(graph: Graph, into = new Set<string>()): Set<string> {
  for (const { name } of [...graph.inputs, ...graph.outputs]) into.add(name);
  for (const name of graph.initializers.keys()) into.add(name);
  for (const node of graph.nodes) {
    for (const name of [...node.inputs, ...node.outputs]) if (name) into.add(name);
    for (const subgraph of subgraphs(node)) valueNames(subgraph, into);
  }
  return into;
}

/** Names of the graph's own values, without those of its subgraphs. */
export function ownNames({ inputs, initializers, nodes }: Graph): Set<string> {
  const own = new Set([...inputs.map(({ name }) => name), ...initializers.keys()]);
  for (const { outputs } of nodes) for (const name of outputs) own.add(name);
  return own;
}

/** A name that is not in `taken`, to which it is added. */
export function freshName(hint: string, taken: Set<string>): string {
  let name = hint;
  if (taken.has(name)) {
    const counts = tried.get(taken) ?? new Map<string, number>();
    tried.set(taken, counts);
    let i = counts.get(hint) ?? 0;
    while (taken.has(name)) name = `${hint}_${++i}`;
    counts.set(hint, i);
  }
  taken.add(name);
  return name;
}

/** The last number that was tried with a hint, by the set of names: names are only ever added. */
const tried = new WeakMap<Set<string>, Map<string, number>>();

/**
 * The graph with values renamed, including subgraphs. If another value already has one of the new names, it gets another one, so that
 * names never clash. Every occurrence of a name is replaced, so scopes need no special handling.
 */
export function renameValues(graph: Graph, names: ReadonlyMap<string, string>): Graph {
  const taken = valueNames(graph);
  const all = new Map(names);
  for (const name of names.values()) if (taken.has(name) && !all.has(name)) all.set(name, freshName(name, taken));
  return renamed(graph, (name) => all.get(name) ?? name);
}

type Rename = (name: string) => string;

/** The graph with every name of a value replaced, including its subgraphs. */
export function renamed(graph: Graph, rename: Rename): Graph {
  const info = (value: ValueInfo): ValueInfo => ({ ...value, name: rename(value.name) });
  return {
    ...graph,
    nodes: graph.nodes.map((node) => ({
      ...withSubgraphs(node, (inner) => renamed(inner, rename)),
      inputs: node.inputs.map(rename),
      outputs: node.outputs.map(rename),
    })),
    inputs: graph.inputs.map(info),
    outputs: graph.outputs.map(info),
    initializers: new Map([...graph.initializers].map(([name, tensor]) => [rename(name), tensor])),
    // A value without a dense type keeps its name in its encoded form, which is informational only.
    valueInfo: graph.valueInfo.filter(({ name, opaque }) => !opaque || rename(name) === name).map(info),
  };
}
