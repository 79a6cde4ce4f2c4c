import {
  axis,
  GraphView,
  isStatic,
  makeNode,
  type Node,
  numbersOf,
  plainAttributes,
  product,
  Rewriter,
  type Shape,
  sameShape,
  type Tensor,
} from '../../onnx/index.ts';
import { any, applyRules, either, op, rule } from './pattern.ts';
import type { TypedGraph } from './selection.ts';

const linear = op('MatMul', any('x'), any('weight')).readOnce().as('multiply');
const affine = op('Add', linear, any('bias')).readOnce().as('shift');
const PERMUTED = op('Transpose', op('Reshape', either(linear, affine)).readOnce().as('reshape'));

/** A product whose readers each take a part of the columns, and the nodes between. */
interface Projection {
  readonly x: string;
  readonly weight: string;
  readonly bias?: string;
  /** The nodes to replace; the parts are computed at the place of the last one. */
  readonly nodes: readonly Node[];
  readonly parts: readonly Part[];
  /** The number of parts, and the shape of one after its columns are split and after its axes are permuted. */
  readonly count: number;
  readonly columns: readonly number[];
  readonly perm: readonly number[];
  /** The axis of the permuted value that holds the parts. */
  readonly along: number;
}

/** A part that is read: its number, the value that it becomes, and whether that value keeps the axis of the parts with size one. */
interface Part {
  readonly index: number;
  readonly name: string;
  readonly hasAxis: boolean;
}

/**
 * Replaces x·[W₁ W₂ W₃] by x·W₁, x·W₂ and x·W₃ if the result is split into queries, keys and values. The activations are then neither
 * split nor, in the gradient, joined. If only one position of a part is read, it can be computed alone (see `selectEarly`). The weights
 * stay whole, and are split in the graph.
 *
 * @param named values that are read by their names, in addition to the graph's outputs
 * @param free whether a node may be replaced
 */
export function separateProjections(
  { graph, values }: TypedGraph,
  constants: ReadonlyMap<string, Tensor>,
  named: readonly string[],
  free: (node: Node) => boolean,
): TypedGraph {
  const view = new GraphView(graph, { values, constants, named });
  const shapeOf = (name: string) => view.typeOf(name)?.shape;

  const projection = rule(
    PERMUTED,
    ({ x, weight, bias, multiply, shift, reshape }, transpose): Projection | undefined => {
      const [y, w] = [view.typeOf(reshape.inputs[0]), shapeOf(weight)];
      const apart = shapeOf(reshape.outputs[0]);
      if (y?.type !== 'float32' || w?.length !== 2 || !apart) return undefined;
      if (bias !== undefined && !sameShape(shapeOf(bias) ?? [], w.slice(1))) return undefined;
      const rows = y.shape.length - 1;
      const [count, ...columns] = apart.slice(rows);
      if (!sameShape(apart.slice(0, rows), y.shape.slice(0, rows)) || !isStatic(columns)) return undefined;
      if (typeof count !== 'number' || count < 2 || count * (product(columns) as number) !== w[1]) return undefined;
      const { perm = apart.map((_, i) => apart.length - 1 - i) } = plainAttributes(transpose);
      const along = perm.indexOf(rows);
      const [permuted] = transpose.outputs;
      const taken = view.readers(permuted).map((node) => (free(node) ? partsOf(node, along) : undefined));
      if (view.isOutput(permuted) || !taken.length || !taken.every((one) => one !== undefined)) return undefined;
      const parts = taken.flatMap((one) => one.parts);
      if (new Set(parts.map(({ index }) => index)).size < parts.length) return undefined;
      return {
        ...{ x, weight, bias, parts, count, columns, along },
        nodes: [multiply, ...(shift ? [shift] : []), reshape, ...new Set(taken.flatMap((one) => one.nodes)), transpose],
        perm: perm.filter((i: number) => i !== rows).map((i: number) => (i > rows ? i - 1 : i)),
      };
    },
  );

  /** The parts that a node reads along an axis; the axis is removed if the next node removes it. */
  const partsOf = (node: Node, along: number): { nodes: Node[]; parts: Part[] } | undefined => {
    const indices = indicesOf(node, along);
    if (!indices) return undefined;
    const hasAxis = !(node.op === 'Gather' && shapeOf(node.inputs[1])?.length === 0);
    const nodes = [node];
    const parts = node.outputs.map((name, i): Part => {
      const squeeze = view.onlyReader(name);
      if (!hasAxis || squeeze?.op !== 'Squeeze' || !free(squeeze)) return { index: indices[i], name, hasAxis };
      const axes = view.constant(squeeze.inputs[1] ?? '');
      if (axes?.data.length !== 1 || numbersOf(axes)[0] !== along) return { index: indices[i], name, hasAxis };
      nodes.push(squeeze);
      return { index: indices[i], name: squeeze.outputs[0], hasAxis: false };
    });
    return { nodes, parts };
  };

  /** The part number of each of a node's results, if each is a single part. */
  const indicesOf = (node: Node, along: number): number[] | undefined => {
    const { op, domain, inputs, outputs } = node;
    const shape = shapeOf(inputs[0])!;
    const count = shape[along] as number;
    const contents = inputs.slice(1).map((name) => view.constant(name));
    if (domain !== '' || !outputs.every(shapeOf)) return undefined;
    const at = (index: number) => (index < 0 ? index + count : index);
    switch (op) {
      case 'Split':
        if (axis(plainAttributes(node).axis ?? 0, shape.length) !== along || outputs.length !== count) return undefined;
        return outputs.every((name) => shapeOf(name)![along] === 1) ? outputs.map((_, i) => i) : undefined;
      case 'Gather':
        if (axis(plainAttributes(node).axis ?? 0, shape.length) !== along || contents[0]?.data.length !== 1)
          return undefined;
        return contents[0].shape.length < 2 ? [at(numbersOf(contents[0])[0])] : undefined;
      case 'Slice': {
        const [starts, , axes] = contents;
        if (starts?.data.length !== 1 || axes?.data.length !== 1) return undefined;
        const isOne = axis(numbersOf(axes)[0], shape.length) === along && shapeOf(outputs[0])![along] === 1;
        return isOne ? [at(numbersOf(starts)[0])] : undefined;
      }
      default:
        return undefined;
    }
  };

  const found = [...applyRules([projection], view, free).values()];
  return found.length ? separated({ graph, values }, found) : { graph, values };
}

function separated({ graph, values }: TypedGraph, projections: readonly Projection[]): TypedGraph {
  const rewriter = new Rewriter(graph, values);
  const places = new Map<Node, readonly Node[]>();
  for (const { x, weight, bias, parts, count, columns, perm, along, nodes } of projections) {
    const { type, shape } = values.get(x)!;
    const width = product(columns) as number;
    const rows = shape.slice(0, -1);
    const emit = (op: string, inputs: readonly string[], hint: string, result: Shape, attributes = {}): string =>
      rewriter.emit(op, inputs, rewriter.fresh(hint, { type, shape: result }), attributes);
    /** The parts of a weight or bias along its last axis. */
    const split = (name: string, lead: Shape): string[] => {
      const part = { type, shape: [...lead, width] };
      const outputs = Array.from({ length: count }, (_, i) => rewriter.fresh(`${name}.${i}`, part));
      rewriter.nodes.push(makeNode('Split', [name], outputs, { axis: lead.length, num_outputs: count }));
      return outputs;
    };
    const weights = split(weight, shape.slice(-1));
    const biases = bias === undefined ? undefined : split(bias, []);
    const target = rewriter.ints(`${weight}.apart`, [...rows.map(() => 0), ...columns]);
    const apart = [...rows, ...columns];
    for (const { index, name, hasAxis } of parts) {
      const part = [...rows, width];
      const y = emit('MatMul', [x, weights[index]], `${name}.product`, part);
      const shifted = biases ? emit('Add', [y, biases[index]], `${name}.shifted`, part) : y;
      const seen = emit('Reshape', [shifted, target], `${name}.apart`, apart);
      if (!hasAxis) rewriter.emit('Transpose', [seen], name, { perm });
      else {
        const moved = emit(
          'Transpose',
          [seen],
          `${name}.moved`,
          perm.map((i) => apart[i]),
          { perm },
        );
        rewriter.emit('Unsqueeze', [moved, rewriter.ints(`${name}.axis`, [along])], name);
      }
    }
    for (const node of nodes) places.set(node, []);
    places.set(nodes.at(-1)!, rewriter.nodes.splice(0));
  }
  const { initializers } = rewriter;
  const nodes = graph.nodes.flatMap((node) => places.get(node) ?? [node]);
  return { graph: { ...graph, nodes, initializers }, values: rewriter.values };
}
