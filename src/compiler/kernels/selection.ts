import {
  axis,
  ELEMENTWISE,
  type Graph,
  GraphView,
  isStatic,
  type Node,
  numbersOf,
  plainAttributes,
  Rewriter,
  readsOf,
  type Shape,
  sameShape,
  type Tensor,
  type Typed,
} from '../../onnx/index.ts';

/** A single position of an axis; the axis stays, with one element. */
interface Selection {
  readonly axis: number;
  readonly index: number;
}

/**
 * How a node computes one position of its result: for each input, the axis on which it needs a single position; undefined if it needs all.
 */
interface Narrowing {
  readonly axes: readonly (number | undefined)[];
  /** The constant that replaces a second input with the result's shape. */
  readonly shape?: readonly number[];
}

/** The part of an inference that is needed to place a graph. */
export interface TypedGraph {
  readonly graph: Graph;
  readonly values: ReadonlyMap<string, Typed>;
}

/**
 * Computes the parts of a sequence that are read, and no others. After the last attention of an encoder whose head reads the first token,
 * projections, normalizations and a perceptron would process all other tokens in vain, forward and backward. The `Gather` of that token is
 * moved ahead of them.
 *
 * @param named values that are read by their names, in addition to the graph's outputs
 * @param free whether a node may be replaced
 */
export function selectEarly(
  { graph, values }: TypedGraph,
  constants: ReadonlyMap<string, Tensor>,
  named: readonly string[],
  free: (node: Node) => boolean,
): TypedGraph {
  const demands = new Demands([...named, ...graph.outputs.map(({ name }) => name)]);
  const view = new GraphView(graph, { values, constants });
  const starts = new Map<Node, Selection>();
  const pushed = new Map<Node, Narrowing>();
  const unread = new Set<Node>();
  for (const node of [...graph.nodes].reverse()) {
    // A known value, such as one size of another value, becomes a constant and does not need its inputs.
    if (node.outputs.every((name) => constants.has(name))) continue;
    if (!node.outputs.some((name) => demands.has(name))) {
      unread.add(node);
      continue;
    }
    const start = free(node) ? selectionOf(node, view) : undefined;
    const wanted = demands.only(node.outputs);
    const narrowing = !start && wanted && free(node) ? narrowingOf(node, wanted, view) : undefined;
    if (start) {
      starts.set(node, start);
      demands.select(node.inputs[0], start);
    } else if (narrowing) {
      pushed.set(node, narrowing);
      node.inputs.forEach((name, i) => {
        const at = narrowing.axes[i];
        if (at === undefined) demands.take(name);
        else demands.select(name, { axis: at, index: wanted!.index }, true);
      });
    } else for (const name of readsOf(node)) demands.take(name);
  }
  if (!pushed.size) return { graph, values };
  const nodes = graph.nodes.filter((node) => !unread.has(node));
  return rewritten({ graph: { ...graph, nodes }, values }, demands, starts, pushed);
}

/** The parts of each value that are read. */
class Demands {
  private readonly taken: Set<string>;
  private readonly selected = new Map<string, Map<string, { readonly selection: Selection; gathered: boolean }>>();

  constructor(taken: readonly string[]) {
    this.taken = new Set(taken);
  }

  take(name: string): void {
    this.taken.add(name);
  }

  /** Whether any part of a value is read. */
  has = (name: string): boolean => this.taken.has(name) || this.selected.has(name);

  /** @param gathered by a node without a `Gather` of its own */
  select(name: string, selection: Selection, gathered = false): void {
    const all = this.selected.get(name) ?? new Map();
    this.selected.set(name, all);
    const key = `${selection.axis} ${selection.index}`;
    all.set(key, { selection, gathered: gathered || (all.get(key)?.gathered ?? false) });
  }

  /** The selection that all readers of a node's single result share. */
  only(outputs: readonly string[]): Selection | undefined {
    const [name, ...more] = outputs;
    const all = [...(this.selected.get(name)?.values() ?? [])];
    return all.length === 1 && !this.taken.has(name) && more.every((other) => other === '')
      ? all[0].selection
      : undefined;
  }

  /** Selections for nodes without a `Gather` of their own, from a value that is computed whole. */
  gathersOf(name: string): Selection[] {
    return [...(this.selected.get(name)?.values() ?? [])].flatMap((one) => (one.gathered ? [one.selection] : []));
  }
}

function rewritten(
  { graph, values }: TypedGraph,
  demands: Demands,
  starts: ReadonlyMap<Node, Selection>,
  pushed: ReadonlyMap<Node, Narrowing>,
): TypedGraph {
  const rewriter = new Rewriter(graph, values);
  const types = rewriter.values;
  const view = new GraphView(graph);
  const names = new Map<string, string>();
  const nameOf = (name: string, { axis, index }: Selection): string => {
    const key = `${name} ${axis} ${index}`;
    const { type, shape } = types.get(name)!;
    const selected = { type, shape: shape.map((d, i) => (i === axis ? 1 : d)) };
    if (!names.has(key)) names.set(key, rewriter.fresh(`${name}.${index}`, selected));
    return names.get(key)!;
  };
  const ints = (numbers: readonly number[]): string => rewriter.ints(`positions/${numbers.join('_')}`, numbers);
  const gather = (name: string) => {
    for (const one of demands.gathersOf(name))
      rewriter.emit('Gather', [name, ints([one.index])], nameOf(name, one), { axis: one.axis });
  };
  for (const name of [...graph.inputs.map((input) => input.name), ...graph.initializers.keys()]) gather(name);
  for (const node of graph.nodes) {
    const start = starts.get(node);
    const narrowing = pushed.get(node);
    if (start && pushed.has(view.producer(node.inputs[0])!)) {
      const selected = nameOf(node.inputs[0], start);
      const [to] = node.outputs;
      const isFlat = types.get(to)!.shape.length < types.get(selected)!.shape.length;
      if (isFlat) rewriter.emit('Squeeze', [selected, ints([start.axis])], to);
      else rewriter.emit('Identity', [selected], to);
    } else if (narrowing) {
      const one = demands.only(node.outputs)!;
      const inputs = node.inputs.map((name, i) => {
        const at = narrowing.axes[i];
        return at === undefined ? name : nameOf(name, { axis: at, index: one.index });
      });
      if (narrowing.shape) inputs[1] = ints(narrowing.shape);
      // Our own shape copies dimensions by 0, whatever the previous one did.
      const attributes = narrowing.shape ? {} : node.attributes;
      rewriter.nodes.push({ ...node, attributes, inputs, outputs: [nameOf(node.outputs[0], one)] });
      continue;
    } else rewriter.nodes.push(node);
    for (const name of node.outputs) gather(name);
  }
  return { graph: rewriter.graph, values: types };
}

/** The selection of a `Gather` that reads one known position of a float value. */
function selectionOf(node: Node, view: GraphView): Selection | undefined {
  const { op, domain, inputs } = node;
  if (op !== 'Gather' || domain !== '') return undefined;
  const from = view.typeOf(inputs[0]);
  const index = view.constant(inputs[1]);
  if (from?.type !== 'float32' || index?.data.length !== 1 || index.shape.length > 1) return undefined;
  return {
    axis: axis(plainAttributes(node).axis ?? 0, from.shape.length),
    index: numbersOf(index)[0],
  };
}

/** Elementwise operators of `com.microsoft` whose second input is broadcast. */
const ACTIVATIONS = ['Gelu', 'BiasGelu', 'FastGelu', 'QuickGelu'];
const NORMALIZATIONS = ['LayerNormalization', 'RMSNormalization', 'SimplifiedLayerNormalization'];

function narrowingOf(node: Node, { axis: at }: Selection, view: GraphView): Narrowing | undefined {
  const { op, domain, inputs, outputs } = node;
  const attributes = plainAttributes(node);
  const shapes = inputs.map((name) => view.typeOf(name)?.shape);
  const result = view.typeOf(outputs[0])!.shape;
  const [x, w] = shapes;
  if (!x) return undefined;
  if (domain === '' ? ELEMENTWISE.has(op) : domain === 'com.microsoft' && ACTIVATIONS.includes(op)) {
    return { axes: shapes.map((shape) => shape && alongside(shape, result, at)) };
  }
  if (op === 'FusedMatMul' && (attributes.transBatchA || attributes.transBatchB)) return undefined;
  if ((op === 'MatMul' && domain === '') || op === 'FusedMatMul') {
    if (!w || x.length < 2 || w.length < 2) return undefined;
    const ofBatch = at < result.length - 2;
    const row = x.length - (attributes.transA ? 1 : 2);
    const column = w.length - (attributes.transB ? 2 : 1);
    if (ofBatch) return { axes: [alongside(x, result, at), alongside(w, result, at)] };
    return { axes: at === result.length - 2 ? [row, undefined] : [undefined, column] };
  }
  if (domain !== '' && op !== 'SimplifiedLayerNormalization') return undefined;
  if (NORMALIZATIONS.includes(op)) {
    return at < axis(attributes.axis ?? -1, x.length) ? { axes: [at] } : undefined;
  }
  switch (op) {
    case 'Softmax':
    case 'LogSoftmax':
      return at === axis(attributes.axis ?? -1, x.length) ? undefined : { axes: [at] };
    case 'Gemm':
      if (at !== 0) return undefined;
      return { axes: [attributes.transA ? 1 : 0, undefined, shapes[2] && alongside(shapes[2], result, 0)] };
    case 'Transpose': {
      const { perm = x.map((_, i) => x.length - 1 - i) } = attributes;
      return { axes: [perm[at]] };
    }
    case 'Reshape': {
      const after = result.slice(at + 1);
      // 0 copies a dimension.
      const shape = [...result.slice(0, at).map(() => 0), 1, ...after] as readonly number[];
      return sameShape(x.slice(0, at + 1), result.slice(0, at + 1)) && isStatic(after) && !after.includes(0)
        ? { axes: [at], shape }
        : undefined;
    }
    default:
      return undefined;
  }
}

/** The axis of an operand that corresponds to a result's axis; undefined if the operand is broadcast there. */
function alongside(shape: Shape, result: Shape, at: number): number | undefined {
  const own = at - (result.length - shape.length);
  return own >= 0 && shape[own] !== 1 ? own : undefined;
}
