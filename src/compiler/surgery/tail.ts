/** Thaw's own nodes between a head and the graph's output, recognized by their names. */
import { GraphView, isHalf, type Model, type Node, Rewriter, renameValues, type Tensor } from '../../onnx/index.ts';

/** One operator of a tail: it reads the previous value, and constants. */
export interface TailStep {
  readonly op: string;
  readonly attributes?: Readonly<Record<string, number>>;
  /** By the last part of their names. */
  readonly constants?: Readonly<Record<string, Tensor>>;
}

/**
 * `units`: arithmetic that converts numbers into the user's units; training reads the value before it. `vector`: turns the head's scores
 * into an embedding; training reads the embedding.
 */
export type TailKind = 'units' | 'vector';

/** The operators after a head. */
export interface Tail {
  readonly kind: TailKind;
  readonly steps: readonly TailStep[];
}

/** `TensorProto.DataType.FLOAT` */
const FLOAT = 1;

const prefixOf = (kind: TailKind): string => `thaw.${kind}/`;
const isOf = (node: Node, kind: TailKind): boolean => node.name.startsWith(prefixOf(kind));

export const isTail = (node: Node): boolean => isOf(node, 'units') || isOf(node, 'vector');

/**
 * The model with a tail between its first output, rows `[N, width]` in float32, and the value that was the output before.
 *
 * @param maps whether that value is `[N, width, 1, 1]`, as after a convolution
 */
export function withTail(model: Model, { kind, steps }: Tail, width: number, maps: boolean): Model {
  const [output] = model.graph.outputs;
  const rewriter = new Rewriter(model.graph);
  const before = rewriter.fresh(`${output.name}.head`);
  const all: readonly TailStep[] = [
    ...(maps ? [{ op: 'Flatten', attributes: { axis: 1 } }] : []),
    ...(isHalf(output.type) ? [{ op: 'Cast', attributes: { to: FLOAT } }] : []),
    ...steps,
  ];
  const graph = renameValues(model.graph, new Map([[output.name, before]]));
  let from = before;
  all.forEach(({ op, attributes = {}, constants = {} }, i) => {
    const name = `${prefixOf(kind)}${op}`;
    const inputs = Object.entries(constants).map(([key, t]) => rewriter.constant(`${prefixOf(kind)}${key}`, t));
    const to = i === all.length - 1 ? output.name : rewriter.fresh(`${name}.output`);
    from = rewriter.emit(op, [from, ...inputs], to, attributes, { name });
  });
  const shape = [output.shape?.[0] ?? 'batch', width];
  const [, ...others] = graph.outputs;
  return {
    ...model,
    graph: {
      ...graph,
      nodes: [...graph.nodes, ...rewriter.nodes],
      initializers: rewriter.initializers,
      outputs: [{ name: output.name, type: 'float32', shape }, ...others],
      valueInfo: graph.valueInfo.filter(({ name }) => name !== before),
    },
  };
}

/** The model from before it got a tail. */
export function withoutTail(model: Model): Model {
  const { graph } = model;
  const [output] = graph.outputs;
  const before = new GraphView(graph).through(output?.name ?? '', isTail);
  if (before === output?.name || output === undefined) return model;
  const nodes = graph.nodes.filter((node) => !isTail(node));
  const read = new Set(nodes.flatMap(({ inputs }) => inputs));
  const initializers = new Map([...graph.initializers].filter(([name]) => read.has(name) || !name.startsWith('thaw.')));
  const outputs = graph.outputs.map((info, i) => (i === 0 ? { ...info, name: before } : info));
  const bare = renameValues({ ...graph, nodes, initializers, outputs }, new Map([[before, output.name]]));
  return { ...model, graph: bare };
}

const ARITHMETIC = ['Mul', 'Add'];

/** The value before the conversion into the user's units, or the value itself. */
export const beforeUnits = ({ graph }: Model, output: string): string =>
  new GraphView(graph).through(output, (node) => isOf(node, 'units') && ARITHMETIC.includes(node.op));
