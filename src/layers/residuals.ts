import { elementCount, type Graph, isFloat, type Node } from '../onnx/index.ts';
import { reachedFrom } from './flow.ts';
import { labelOf, producersOf } from './head.ts';

/** An addition of a branch to its shortcut. */
export interface Residual {
  /** The node that adds. */
  readonly node: string;
  /** The value that the branch ends in. */
  readonly branch: string;
}

/**
 * The residual branches, input side first: additions of two values that both depend on the data, where one has passed weights that the
 * other has not. The shortcut is the one that has passed fewer nodes since they parted, be it the value itself or a projection of it.
 */
export function residualsOf(graph: Graph): Residual[] {
  const inputs = graph.inputs.map(({ name }) => name).filter((name) => !graph.initializers.has(name));
  const data = reachedFrom(graph.nodes, inputs);
  const producers = producersOf(graph);
  return graph.nodes.flatMap((node) => {
    const [a, b] = node.inputs;
    if (node.op !== 'Add' || node.domain !== '' || a === b || !data.has(a) || !data.has(b)) return [];
    const [before, other] = [a, b].map((name) => ancestors(name, producers, data));
    const [own, others] = [without(before, other), without(other, before)];
    const [branch, passed] = own.length >= others.length ? [a, own] : [b, others];
    return own.length !== others.length && passed.some((n) => isWeighted(graph, n))
      ? [{ node: labelOf(node), branch }]
      : [];
  });
}

/** The nodes that a value comes from, of those that data flows through. */
function ancestors(value: string, producers: ReadonlyMap<string, Node>, data: ReadonlySet<string>): Set<Node> {
  const found = new Set<Node>();
  const open = [value];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const node = data.has(name) ? producers.get(name) : undefined;
    if (!node || found.has(node)) continue;
    found.add(node);
    open.push(...node.inputs);
  }
  return found;
}

const without = (nodes: ReadonlySet<Node>, others: ReadonlySet<Node>): Node[] =>
  [...nodes].filter((node) => !others.has(node));

const isWeighted = ({ initializers }: Graph, { inputs }: Node): boolean =>
  inputs.some((name) => {
    const tensor = initializers.get(name);
    return tensor !== undefined && isFloat(tensor.type) && elementCount(tensor.shape) > 1;
  });
