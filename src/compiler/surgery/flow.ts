import { dataInputsOf, type Graph, type Node } from '../../onnx/index.ts';
import { SHAPE_ONLY } from '../shapes/index.ts';

/** A graph's nodes as the flow of data from its main input to its main output. */
export interface DataFlow {
  /** Values that depend on the data, the input itself first. */
  readonly values: ReadonlySet<string>;
  /** For each node, whether data passes through it on its way to the output. */
  readonly through: readonly boolean[];
  /** The values through which all data must flow, in order: the input, cuts, the output. */
  readonly cuts: readonly Cut[];
}

export interface Cut {
  readonly value: string;
  /** Index of the node that computes it; -1 for the input. */
  readonly node: number;
}

/**
 * Follows the data from the first input to the first output. A value is a cut if no other value is alive after it is computed:
 * every relevant node comes before it or depends on it, in any order that the file may have. Other inputs (masks) that do
 * not depend on the first one are ignored, like constants.
 */
export function dataFlow(graph: Graph): DataFlow {
  const input = dataInputsOf(graph)[0]?.name ?? '';
  const values = reachedFrom(graph.nodes, [input]);
  const needed = neededFor(graph.nodes, [graph.outputs[0]?.name ?? '']);
  const through = graph.nodes.map(
    (node) => carries(node, values) && node.outputs.some((name) => values.has(name) && needed.has(name)),
  );
  return { values, through, cuts: findCuts(graph, input, values, through) };
}

function findCuts(graph: Graph, input: string, values: ReadonlySet<string>, through: readonly boolean[]): Cut[] {
  const lastUse = new Map<string, number>();
  graph.nodes.forEach((node, i) => {
    if (through[i]) for (const name of node.inputs) lastUse.set(name, i);
  });
  const output = graph.outputs[0]?.name ?? '';
  if (values.has(output)) lastUse.set(output, Number.POSITIVE_INFINITY);
  const cuts: Cut[] = [{ value: input, node: -1 }];
  const alive = new Set(lastUse.has(input) ? [input] : []);
  graph.nodes.forEach((node, i) => {
    if (!through[i]) return;
    for (const name of node.outputs) if ((lastUse.get(name) ?? -1) > i) alive.add(name);
    // Values that this node reads for the last time are no longer alive.
    for (const name of node.inputs) if (lastUse.get(name) === i) alive.delete(name);
    const [only] = alive;
    if (alive.size === 1 && node.outputs.includes(only)) cuts.push({ value: only, node: i });
  });
  return cuts;
}

/** All values that depend on the contents of the named values, including these. */
export function reachedFrom(nodes: readonly Node[], names: Iterable<string>): Set<string> {
  const reached = new Set(names);
  for (const node of nodes) {
    if (carries(node, reached)) for (const output of node.outputs) if (output !== '') reached.add(output);
  }
  return reached;
}

const carries = (node: Node, values: ReadonlySet<string>): boolean =>
  !SHAPE_ONLY.has(node.op) && node.inputs.some((name) => values.has(name));

/** All values that the named values are computed from, including these. */
export function neededFor(nodes: readonly Node[], names: readonly string[]): Set<string> {
  const needed = new Set(names);
  for (let i = nodes.length - 1; i >= 0; i--) {
    if (!nodes[i].outputs.some((name) => needed.has(name))) continue;
    for (const name of nodes[i].inputs) if (name !== '') needed.add(name);
  }
  return needed;
}
