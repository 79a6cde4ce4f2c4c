import { dataInputsOf, elementCount, type Graph, GraphView, isFloat, labelOf, type Node } from '../../onnx/index.ts';
import { reachedFrom } from './flow.ts';
import { Heap } from './heap.ts';

/** An addition of a branch to its shortcut. */
export interface Residual {
  /** The node that adds. */
  readonly node: string;
  /** The last value of the branch. */
  readonly branch: string;
}

/**
 * The residual branches, input side first: additions of two values that both depend on the data, one of which has passed weights that the
 * other has not. The shortcut is the one that has passed fewer nodes since they separated: the value itself, or a projection of it.
 */
export function residualsOf(graph: Graph): Residual[] {
  const inputs = dataInputsOf(graph).map(({ name }) => name);
  const data = reachedFrom(graph.nodes, inputs);
  const view = new GraphView(graph);
  return graph.nodes.flatMap((node) => {
    const [a, b] = node.inputs;
    if (node.op !== 'Add' || node.domain !== '' || a === b || !data.has(a) || !data.has(b)) return [];
    const parted = partedNodes(view, data, a, b);
    if (!parted) return [];
    const [own, others] = parted;
    const [branch, passed] = own.length >= others.length ? [a, own] : [b, others];
    return own.length !== others.length && passed.some((n) => isWeighted(view, n))
      ? [{ node: labelOf(node), branch }]
      : [];
  });
}

/**
 * Beyond this many values on the two paths to an addition, they are not a residual branch and its shortcut. Real branches have a few dozen.
 */
const LONGEST = 1000;

/** The values that a node comes before, as bits. */
const FIRST = 1;
const SECOND = 2;
const BOTH = 3;

/**
 * The nodes before one of two values only. Walks back from both, last node first, until all remaining nodes come before
 * both.
 *
 * @param data values that depend on the data
 * @returns undefined if they separated too long ago
 */
function partedNodes(
  view: GraphView,
  data: ReadonlySet<string>,
  a: string,
  b: string,
): readonly [Node[], Node[]] | undefined {
  const sides = new Map<Node, number>();
  const open = new Heap<Node>((x, y) => view.place(y) - view.place(x));
  let alone = 0;
  const add = (name: string, side: number) => {
    const node = data.has(name) ? view.producer(name) : undefined;
    if (!node) return;
    const before = sides.get(node) ?? 0;
    const now = before | side;
    if (before === 0) open.push(node);
    if (before !== now) sides.set(node, now);
    alone += Number(now !== BOTH) - Number(before !== 0 && before !== BOTH);
  };
  add(a, FIRST);
  add(b, SECOND);
  const found: readonly [Node[], Node[]] = [[], []];
  let read = 0;
  while (alone > 0) {
    const node = open.pop()!;
    read += node.inputs.length;
    if (read > LONGEST) return undefined;
    const side = sides.get(node)!;
    if (side !== BOTH) {
      alone--;
      found[side - 1].push(node);
    }
    for (const name of node.inputs) add(name, side);
  }
  return found;
}

const isWeighted = ({ initializers }: GraphView, { inputs }: Node): boolean =>
  inputs.some((name) => {
    const tensor = initializers.get(name);
    return tensor !== undefined && isFloat(tensor.type) && elementCount(tensor.shape) > 1;
  });
