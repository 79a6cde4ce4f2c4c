import {
  axis,
  freshName,
  isStatic,
  type Node,
  numbersOf,
  plainAttributes,
  producersIn,
  product,
  readersIn,
  sameShape,
  type Tensor,
  type Typed,
  tensor,
} from '../../onnx/index.ts';
import type { TypedGraph } from './selection.ts';

/** A product of which every reader takes a part of the columns, and what lies between. */
interface Projection {
  readonly x: string;
  readonly weight: string;
  readonly bias?: string;
  /** The nodes that give way, of which the last stands where the parts are computed. */
  readonly nodes: readonly Node[];
  readonly parts: readonly Part[];
  /** The number of parts, and the shape of one after its columns are taken apart and after its axes are permuted. */
  readonly count: number;
  readonly columns: readonly number[];
  readonly perm: readonly number[];
  /** The axis of the permuted value along which the parts lie. */
  readonly along: number;
}

/** One part as it is read: its number, the value that it becomes, and whether that has an axis of one where the parts lay. */
interface Part {
  readonly index: number;
  readonly name: string;
  readonly hasAxis: boolean;
}

/**
 * The graph with x·[W₁ W₂ W₃] whose result is taken apart, as queries, keys and values are, as x·W₁, x·W₂ and x·W₃: the activations are neither
 * split nor, in the gradient, joined, and what is read of one of them at one position can be computed there alone (see `selectEarly`). The weights stay
 * whole, and are split in the graph.
 *
 * @param whole values that are read by their names, besides the graph's outputs
 * @param free whether a node may be taken for another
 */
export function separateProjections(
  { graph, values }: TypedGraph,
  constants: ReadonlyMap<string, Tensor>,
  whole: readonly string[],
  free: (node: Node) => boolean,
): TypedGraph {
  const producers = producersIn(graph.nodes);
  const kept = new Set([...whole, ...graph.outputs.map(({ name }) => name)]);
  const readers = readersIn(graph.nodes);
  const typeOf = (name: string): Typed | undefined => values.get(name) ?? graph.initializers.get(name);
  const known = (name: string) => constants.get(name) ?? graph.initializers.get(name);
  /** The standard node that computes a value, where nobody but one node reads it. */
  const before = (name: string): Node | undefined => {
    const node = producers.get(name);
    const isInner = node?.domain === '' && free(node) && !kept.has(name) && readers.get(name)?.length === 1;
    return isInner ? node : undefined;
  };

  const projectionOf = (transpose: Node): Projection | undefined => {
    const reshape = before(transpose.inputs[0]);
    if (reshape?.op !== 'Reshape') return undefined;
    const last = before(reshape.inputs[0]);
    const terms = last?.op === 'Add' ? last.inputs : [];
    const multiply = last?.op === 'MatMul' ? last : terms.map(before).find((node) => node?.op === 'MatMul');
    if (!last || !multiply) return undefined;
    const bias = terms.find((name) => name !== multiply.outputs[0]);
    const [x, weight] = multiply.inputs;
    const [y, w] = [typeOf(reshape.inputs[0]), typeOf(weight)];
    const apart = typeOf(reshape.outputs[0])?.shape;
    if (y?.type !== 'float32' || w?.shape.length !== 2 || !apart) return undefined;
    if (bias !== undefined && !sameShape(typeOf(bias)?.shape ?? [], w.shape.slice(1))) return undefined;
    const rows = y.shape.length - 1;
    const [count, ...columns] = apart.slice(rows);
    if (!sameShape(apart.slice(0, rows), y.shape.slice(0, rows)) || !isStatic(columns)) return undefined;
    if (typeof count !== 'number' || count < 2 || count * (product(columns) as number) !== w.shape[1]) return undefined;
    const { perm = apart.map((_, i) => apart.length - 1 - i) } = plainAttributes(transpose);
    const along = perm.indexOf(rows);
    const taken = (readers.get(transpose.outputs[0]) ?? []).map((node) =>
      free(node) ? partsOf(node, along) : undefined,
    );
    if (kept.has(transpose.outputs[0]) || !taken.length || !taken.every((one) => one !== undefined)) return undefined;
    const parts = taken.flatMap((one) => one.parts);
    if (new Set(parts.map(({ index }) => index)).size < parts.length) return undefined;
    return {
      ...{ x, weight, bias, parts, count, columns, along },
      nodes: [...new Set([multiply, last, reshape, ...taken.flatMap((one) => one.nodes), transpose])],
      perm: perm.filter((i: number) => i !== rows).map((i: number) => (i > rows ? i - 1 : i)),
    };
  };

  /** What a node takes of the parts along an axis, without the axis where it is taken away next. */
  const partsOf = (node: Node, along: number): { nodes: Node[]; parts: Part[] } | undefined => {
    const indices = indicesOf(node, along);
    if (!indices) return undefined;
    const hasAxis = !(node.op === 'Gather' && typeOf(node.inputs[1])?.shape.length === 0);
    const nodes = [node];
    const parts = node.outputs.map((name, i): Part => {
      const [squeeze, ...others] = readers.get(name) ?? [];
      if (!hasAxis || kept.has(name) || others.length || squeeze?.op !== 'Squeeze' || !free(squeeze))
        return { index: indices[i], name, hasAxis };
      const axes = squeeze.inputs[1] === undefined ? undefined : known(squeeze.inputs[1]);
      if (axes?.data.length !== 1 || numbersOf(axes)[0] !== along) return { index: indices[i], name, hasAxis };
      nodes.push(squeeze);
      return { index: indices[i], name: squeeze.outputs[0], hasAxis: false };
    });
    return { nodes, parts };
  };

  /** The part that each of a node's results is, where it takes single ones. */
  const indicesOf = (node: Node, along: number): number[] | undefined => {
    const { op, domain, inputs, outputs } = node;
    const { shape } = typeOf(inputs[0])!;
    const count = shape[along] as number;
    const contents = inputs.slice(1).map((name) => (name === '' ? undefined : known(name)));
    if (domain !== '' || !outputs.every((name) => typeOf(name))) return undefined;
    const at = (index: number) => (index < 0 ? index + count : index);
    switch (op) {
      case 'Split':
        if (axis(plainAttributes(node).axis ?? 0, shape.length) !== along || outputs.length !== count) return undefined;
        return outputs.every((name) => typeOf(name)!.shape[along] === 1) ? outputs.map((_, i) => i) : undefined;
      case 'Gather':
        if (axis(plainAttributes(node).axis ?? 0, shape.length) !== along || contents[0]?.data.length !== 1)
          return undefined;
        return contents[0].shape.length < 2 ? [at(numbersOf(contents[0])[0])] : undefined;
      case 'Slice': {
        const [starts, , axes] = contents;
        if (starts?.data.length !== 1 || axes?.data.length !== 1) return undefined;
        const isOne = axis(numbersOf(axes)[0], shape.length) === along && typeOf(outputs[0])!.shape[along] === 1;
        return isOne ? [at(numbersOf(starts)[0])] : undefined;
      }
      default:
        return undefined;
    }
  };

  const found = graph.nodes.flatMap((node) =>
    node.op === 'Transpose' && node.domain === '' && free(node) ? (projectionOf(node) ?? []) : [],
  );
  return found.length ? rewritten({ graph, values }, found) : { graph, values };
}

function rewritten({ graph, values }: TypedGraph, projections: readonly Projection[]): TypedGraph {
  const typed = new Map(values);
  const initializers = new Map(graph.initializers);
  const taken = new Set([...values.keys(), ...initializers.keys(), ...graph.nodes.map(({ name }) => name)]);
  const places = new Map<Node, readonly Node[]>();
  for (const projection of projections) {
    const nodes: Node[] = [];
    const emit = (
      op: string,
      inputs: readonly string[],
      outputs: readonly string[],
      attributes: Node['attributes'] = {},
    ) => nodes.push({ name: freshName(`${op}/${outputs[0]}`, taken), op, domain: '', inputs, outputs, attributes });
    const fresh = (hint: string, type: Typed): string => {
      const name = freshName(hint, taken);
      typed.set(name, { type: type.type, shape: type.shape });
      return name;
    };
    const ints = (hint: string, numbers: readonly number[]): string => {
      const name = freshName(hint, taken);
      initializers.set(name, tensor('int64', [numbers.length], BigInt64Array.from(numbers, BigInt)));
      return name;
    };
    const { x, weight, bias, parts, count, columns, perm, along } = projection;
    const { type, shape } = typed.get(x)!;
    const width = product(columns) as number;
    const rows = shape.slice(0, -1);
    /** The parts of a weight or bias along its last axis. */
    const split = (name: string, lead: Typed['shape']): string[] => {
      const outputs = Array.from({ length: count }, (_, i) => fresh(`${name}.${i}`, { type, shape: [...lead, width] }));
      emit('Split', [name], outputs, {
        axis: { kind: 'int', value: lead.length },
        num_outputs: { kind: 'int', value: count },
      });
      return outputs;
    };
    const weights = split(weight, shape.slice(-1));
    const biases = bias === undefined ? undefined : split(bias, []);
    const target = ints(`${weight}.apart`, [...rows.map(() => 0), ...columns]);
    const apart = [...rows, ...columns];
    for (const { index, name, hasAxis } of parts) {
      const part = { type, shape: [...rows, width] };
      let y = fresh(`${name}.product`, part);
      emit('MatMul', [x, weights[index]], [y]);
      if (biases) {
        const shifted = fresh(`${name}.shifted`, part);
        emit('Add', [y, biases[index]], [shifted]);
        y = shifted;
      }
      const seen = fresh(`${name}.apart`, { type, shape: apart });
      emit('Reshape', [y, target], [seen]);
      const moved = hasAxis ? fresh(`${name}.moved`, { type, shape: perm.map((i) => apart[i]) }) : name;
      emit('Transpose', [seen], [moved], { perm: { kind: 'ints', value: perm } });
      if (hasAxis) emit('Unsqueeze', [moved, ints(`${name}.axis`, [along])], [name]);
    }
    for (const node of projection.nodes) places.set(node, []);
    places.set(projection.nodes.at(-1)!, nodes);
  }
  const nodes = graph.nodes.flatMap((node) => places.get(node) ?? [node]);
  return { graph: { ...graph, nodes, initializers }, values: typed };
}
