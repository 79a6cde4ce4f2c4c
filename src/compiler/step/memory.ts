/** Estimates how much memory a graph's values take in ONNX Runtime. */
import { elementsIn, type Graph, GraphView, type Node, readsOf, subgraphs, type Typed } from '../../onnx/index.ts';

/** Type and shape of a graph's values, including those of its subgraphs; undefined for values that are not tensors. */
export type TypeOf = (name: string) => Typed | undefined;

/** The memory that a graph needs in addition to its inputs and outputs, in bytes. */
export interface GraphMemory {
  /** The peak size of all values that are alive at the same time. */
  readonly values: number;
  /** Initializers, and values that depend on them alone: ONNX Runtime computes those once and keeps them. */
  readonly constants: number;
}

const WIDTHS: Readonly<Record<string, number>> = {
  float64: 8,
  int64: 8,
  uint64: 8,
  float16: 2,
  bfloat16: 2,
  int16: 2,
  uint16: 2,
  int8: 1,
  uint8: 1,
  bool: 1,
};

/** Operators whose result is a reshaped view of their input. */
export const VIEWS: ReadonlySet<string> = new Set(['Reshape', 'Squeeze', 'Unsqueeze', 'Flatten', 'Identity']);

/** Operators that may write their result over an operand of the same size that no later node reads. */
const IN_PLACE = new Set(
  'Abs Add Clip Div Elu Erf Exp Gelu HardSigmoid LeakyRelu Log Max Min Mul Neg Reciprocal Relu Sigmoid Softplus Sqrt Sub Tanh'.split(
    ' ',
  ),
);

/** A piece of memory, which several values may share. */
interface Piece {
  readonly bytes: number;
  /** The number of nodes that will still read it. Graph inputs and outputs belong to the caller and are never freed. */
  reads: number;
}

/** Bytes of a value; 0 if it is not a tensor. @param sizes of the symbols in its shape; missing ones count as 1 */
export function valueBytes(typed: Typed | undefined, sizes: Readonly<Record<string, number>>): number {
  return typed ? (WIDTHS[typed.type] ?? 4) * elementsIn(typed.shape, sizes) : 0;
}

/** @param sizes of the symbols in shapes; missing ones count as 1 */
export const graphMemory = (graph: Graph, typeOf: TypeOf, sizes: Readonly<Record<string, number>>): GraphMemory =>
  new Execution(graph, typeOf, sizes).memory();

class Execution {
  private readonly pieces = new Map<string, Piece>();
  private readonly constants = new Set<string>();
  private readonly reads = new Map<string, number>();
  private live = 0;

  constructor(
    private readonly graph: Graph,
    private readonly typeOf: TypeOf,
    private readonly sizes: Readonly<Record<string, number>>,
  ) {
    for (const name of graph.initializers.keys()) this.constants.add(name);
    for (const node of graph.nodes) {
      const reads = distinct(node);
      for (const name of reads) this.reads.set(name, (this.reads.get(name) ?? 0) + 1);
      if (reads.every((name) => this.constants.has(name))) for (const name of node.outputs) this.constants.add(name);
    }
  }

  private bytesOf = (name: string): number => valueBytes(this.typeOf(name), this.sizes);

  memory(): GraphMemory {
    const { graph } = this;
    for (const { name } of graph.inputs) this.pieces.set(name, { bytes: 0, reads: Number.POSITIVE_INFINITY });
    const outputs = new Set(graph.outputs.map(({ name }) => name));
    let most = 0;
    const kept = new Set<string>();
    for (const node of inExecutionOrder(graph.nodes)) {
      if (this.constants.has(node.outputs[0])) continue;
      const reads = distinct(node);
      for (const name of reads) if (this.constants.has(name)) kept.add(name);
      for (const name of node.outputs) if (name) this.place(name, node, reads, outputs.has(name));
      const inner = subgraphs(node).map((body) => graphMemory(body, this.typeOf, this.sizes).values);
      most = Math.max(most, this.live + Math.max(0, ...inner));
      for (const name of reads) this.read(name);
      for (const name of node.outputs) if (name && !this.reads.get(name)) this.free(name);
    }
    const constants = [...kept].reduce((all, name) => all + this.bytesOf(name), 0);
    return { values: most, constants };
  }

  private place(name: string, node: Node, reads: readonly string[], isOutput: boolean): void {
    const own = this.reads.get(name) ?? 0;
    const over = isOutput ? undefined : this.taken(name, node, reads);
    if (over) {
      over.reads += own;
      this.pieces.set(name, over);
      return;
    }
    const bytes = isOutput ? 0 : this.bytesOf(name);
    this.pieces.set(name, { bytes, reads: isOutput ? Number.POSITIVE_INFINITY : own });
    this.live += bytes;
  }

  /** The piece of an operand that the result reuses. */
  private taken(name: string, node: Node, reads: readonly string[]): Piece | undefined {
    if (node.domain === '' && VIEWS.has(node.op)) return this.pieces.get(node.inputs[0]);
    if (!IN_PLACE.has(node.op)) return undefined;
    const bytes = this.bytesOf(name);
    return node.inputs
      .map((input) => this.pieces.get(input))
      .find((piece) => {
        if (!piece || piece.bytes !== bytes || bytes === 0) return false;
        const here = reads.filter((input) => this.pieces.get(input) === piece).length;
        return piece.reads === here;
      });
  }

  private read(name: string): void {
    const piece = this.pieces.get(name);
    if (!piece) return;
    piece.reads--;
    if (piece.reads === 0) this.live -= piece.bytes;
  }

  /** Frees the piece of a value that no node reads. */
  private free(name: string): void {
    const piece = this.pieces.get(name)!;
    if (piece.reads === 0) this.live -= piece.bytes;
  }
}

const distinct = (node: Node): string[] => [...new Set(readsOf(node))];

/** ONNX Runtime's order: depth first from the nodes without readers, and from each node to its operands, always starting with the last. */
function inExecutionOrder(nodes: readonly Node[]): Node[] {
  const view = new GraphView({ nodes });
  const before = new Map(
    nodes.map((node) => {
      const found = distinct(node).flatMap((name) => view.producer(name) ?? []);
      return [node, [...new Set(found)].sort((a, b) => view.place(a) - view.place(b))];
    }),
  );
  const read = new Set([...before.values()].flat());
  const stack = nodes.filter((node) => !read.has(node)).map((node) => ({ node, leave: false }));
  const entered = new Set<Node>();
  const order: Node[] = [];
  for (let top = stack.pop(); top; top = stack.pop()) {
    const { node, leave } = top;
    if (leave) order.push(node);
    if (leave || entered.has(node)) continue;
    entered.add(node);
    stack.push({ node, leave: true });
    for (const other of before.get(node)!) if (!entered.has(other)) stack.push({ node: other, leave: false });
  }
  return order;
}
