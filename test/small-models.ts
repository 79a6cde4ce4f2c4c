/** Small models, written down as their nodes. */
import {
  type Attribute,
  arrayFrom,
  type DataType,
  type Model,
  makeNode,
  type Tensor,
  type toAttributes,
} from '../src/onnx/index.ts';
import { Random } from '../src/random.ts';

export type NodeLine = readonly [
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes?: Parameters<typeof toAttributes>[0],
  name?: string,
];

export interface SmallModel {
  readonly nodes: readonly NodeLine[];
  readonly inputs: Readonly<Record<string, readonly (number | string | null)[]>>;
  readonly outputs: Readonly<Record<string, readonly (number | string | null)[]>>;
  readonly initializers?: Readonly<Record<string, Tensor>>;
  readonly types?: Readonly<Record<string, DataType>>;
  readonly opset?: number;
}

export function smallModel({ nodes, inputs, outputs, initializers = {}, types = {}, opset = 17 }: SmallModel): Model {
  const infos = (record: SmallModel['inputs']) =>
    Object.entries(record).map(([name, shape]) => ({ name, type: types[name] ?? 'float32', shape }));
  return {
    irVersion: 8,
    opsets: { '': opset },
    producerName: 'thaw',
    producerVersion: '',
    metadata: {},
    graph: {
      name: 'small',
      nodes: nodes.map(([op, from, to, attributes, name]) => makeNode(op, from, to, attributes, { name })),
      inputs: infos(inputs),
      outputs: infos(outputs),
      initializers: new Map(Object.entries(initializers)),
      valueInfo: [],
    },
  };
}

/** Maps `[N, C, …]` to their means `[N, C]` through a sequence whose members follow the batch, so that no gradient passes. */
export const throughSequence = (from: string, to: string, name: string): NodeLine[] => [
  ['SplitToSequence', [from], [`${to}.parts`]],
  ['ConcatFromSequence', [`${to}.parts`], [`${to}.joined`], { axis: 0 }, name],
  ['GlobalAveragePool', [`${to}.joined`], [`${to}.means`]],
  ['Flatten', [`${to}.means`], [to]],
];

/** A float32 tensor of numbers between -1/2 and 1/2, the same for the same shape and seed. */
export function weights(shape: readonly number[], seed = 1): Tensor {
  const random = new Random(seed, shape.join());
  return tensor('float32', shape, () => random.between(-0.5, 0.5));
}

export function tensor(type: DataType, shape: readonly number[], fill: (i: number) => number): Tensor {
  const length = shape.reduce((all, d) => all * d, 1);
  return {
    type,
    shape,
    data: arrayFrom(
      type,
      Array.from({ length }, (_, i) => fill(i)),
    ),
  };
}

export const ints = (...values: readonly number[]): Tensor => tensor('int64', [values.length], (i) => values[i]);

export const tensorAttribute = (value: Tensor): Attribute => ({ kind: 'tensor', value });
