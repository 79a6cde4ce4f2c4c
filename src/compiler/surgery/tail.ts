/** Nodes of Thaw's own between a head and the graph's output, known by their names. */
import {
  freshName,
  isHalf,
  type Model,
  type Node,
  producersIn,
  renameValues,
  type Tensor,
  toAttributes,
  valueNames,
} from '../../onnx/index.ts';

/** One operator of a tail: it reads what comes before it, and constants. */
export interface TailStep {
  readonly op: string;
  readonly attributes?: Readonly<Record<string, number>>;
  /** By the last part of their names. */
  readonly constants?: Readonly<Record<string, Tensor>>;
}

/**
 * `units`: arithmetic that brings numbers into the user's units; training looks at what comes before it. `vector`: what makes an embedding of
 * the head's scores; training looks at the embedding.
 */
export type TailKind = 'units' | 'vector';

/** What follows a head. */
export interface Tail {
  readonly kind: TailKind;
  readonly steps: readonly TailStep[];
}

/** `TensorProto.DataType.FLOAT` */
const FLOAT = 1;

const prefixOf = (kind: TailKind): string => `thaw.${kind}/`;
const isOf = (node: Node | undefined, kind: TailKind): node is Node => node?.name.startsWith(prefixOf(kind)) ?? false;

export const isTail = (node: Node): boolean => isOf(node, 'units') || isOf(node, 'vector');

/**
 * The model with a tail between its first output, of rows `[N, width]` in float32, and what gave it so far.
 *
 * @param maps whether that is `[N, width, 1, 1]`, as behind a convolution
 */
export function withTail(model: Model, { kind, steps }: Tail, width: number, maps: boolean): Model {
  const [output] = model.graph.outputs;
  const taken = valueNames(model.graph);
  const before = freshName(`${output.name}.head`, taken);
  const all: readonly TailStep[] = [
    ...(maps ? [{ op: 'Flatten', attributes: { axis: 1 } }] : []),
    ...(isHalf(output.type) ? [{ op: 'Cast', attributes: { to: FLOAT } }] : []),
    ...steps,
  ];
  const graph = renameValues(model.graph, new Map([[output.name, before]]));
  const initializers = new Map(graph.initializers);
  let from = before;
  const nodes = all.map(({ op, attributes = {}, constants = {} }, i): Node => {
    const name = `${prefixOf(kind)}${op}`;
    const inputs = Object.entries(constants).map(([key, tensor]) => {
      const constant = freshName(`${prefixOf(kind)}${key}`, taken);
      initializers.set(constant, tensor);
      return constant;
    });
    const to = i === all.length - 1 ? output.name : freshName(`${name}.output`, taken);
    const node: Node = {
      name,
      op,
      domain: '',
      inputs: [from, ...inputs],
      outputs: [to],
      attributes: toAttributes(attributes),
    };
    from = to;
    return node;
  });
  const shape = [output.shape?.[0] ?? 'batch', width];
  const [, ...others] = graph.outputs;
  return {
    ...model,
    graph: {
      ...graph,
      nodes: [...graph.nodes, ...nodes],
      initializers,
      outputs: [{ name: output.name, type: 'float32', shape }, ...others],
      valueInfo: graph.valueInfo.filter(({ name }) => name !== before),
    },
  };
}

/** The model as it was before it got a tail. */
export function withoutTail(model: Model): Model {
  const { graph } = model;
  const [output] = graph.outputs;
  const producers = producersIn(graph.nodes);
  let before = output?.name ?? '';
  for (let node = producers.get(before); node && isTail(node); node = producers.get(before)) before = node.inputs[0];
  if (before === output?.name || output === undefined) return model;
  const nodes = graph.nodes.filter((node) => !isTail(node));
  const read = new Set(nodes.flatMap(({ inputs }) => inputs));
  const initializers = new Map([...graph.initializers].filter(([name]) => read.has(name) || !name.startsWith('thaw.')));
  const outputs = graph.outputs.map((info, i) => (i === 0 ? { ...info, name: before } : info));
  const bare = renameValues({ ...graph, nodes, initializers, outputs }, new Map([[before, output.name]]));
  return { ...model, graph: bare };
}

const ARITHMETIC = ['Mul', 'Add'];

/** What comes before the arithmetic that brings a value into the user's units, or the value itself. */
export function beforeUnits({ graph }: Model, output: string): string {
  const producers = producersIn(graph.nodes);
  let value = output;
  for (
    let node = producers.get(value);
    isOf(node, 'units') && ARITHMETIC.includes(node.op);
    node = producers.get(value)
  )
    value = node.inputs[0];
  return value;
}
