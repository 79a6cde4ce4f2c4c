import { elementCount, type Graph, isFloat, type Node } from '../../onnx/index.ts';
import { reachedFrom } from './flow.ts';
import { labelOf } from './head.ts';
import { Heap } from './heap.ts';

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
  const flow = new Flow(graph, data);
  return graph.nodes.flatMap((node) => {
    const [a, b] = node.inputs;
    if (node.op !== 'Add' || node.domain !== '' || a === b || !data.has(a) || !data.has(b)) return [];
    const parted = flow.parted(a, b);
    if (!parted) return [];
    const [own, others] = parted;
    const [branch, passed] = own.length >= others.length ? [a, own] : [b, others];
    return own.length !== others.length && passed.some((n) => isWeighted(graph, n))
      ? [{ node: labelOf(node), branch }]
      : [];
  });
}

/** Values read on the two ways to an addition, from which on they are no residual branch and its shortcut. Real branches read some dozen. */
const LONGEST = 1000;

/** Which of two values a node comes before. */
const FIRST = 1;
const SECOND = 2;
const BOTH = 3;

/** The nodes that data flows through. */
class Flow {
  private readonly places: ReadonlyMap<string, number>;

  constructor(
    private readonly graph: Graph,
    data: ReadonlySet<string>,
  ) {
    this.places = new Map(
      graph.nodes.flatMap(({ outputs }, i) =>
        outputs.filter((name) => data.has(name)).map((name) => [name, i] as const),
      ),
    );
  }

  /**
   * The nodes that one of two values comes from, and the other does not: back from both, the last node first, until all that is left is behind
   * both.
   *
   * @returns undefined where they parted too long ago
   */
  parted(a: string, b: string): readonly [Node[], Node[]] | undefined {
    const { nodes } = this.graph;
    const sides = new Map<number, number>();
    const open = new Heap<number>((x, y) => y - x);
    let alone = 0;
    const add = (name: string, side: number) => {
      const place = this.places.get(name);
      if (place === undefined) return;
      const before = sides.get(place) ?? 0;
      const now = before | side;
      if (before === 0) open.push(place);
      if (before !== now) sides.set(place, now);
      alone += Number(now !== BOTH) - Number(before !== 0 && before !== BOTH);
    };
    add(a, FIRST);
    add(b, SECOND);
    const found: readonly [Node[], Node[]] = [[], []];
    let read = 0;
    while (alone > 0) {
      const place = open.pop()!;
      read += nodes[place].inputs.length;
      if (read > LONGEST) return undefined;
      const side = sides.get(place)!;
      if (side !== BOTH) {
        alone--;
        found[side - 1].push(nodes[place]);
      }
      for (const name of nodes[place].inputs) add(name, side);
    }
    return found;
  }
}

const isWeighted = ({ initializers }: Graph, { inputs }: Node): boolean =>
  inputs.some((name) => {
    const tensor = initializers.get(name);
    return tensor !== undefined && isFloat(tensor.type) && elementCount(tensor.shape) > 1;
  });
