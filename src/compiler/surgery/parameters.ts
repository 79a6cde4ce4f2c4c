import {
  constantOf,
  dataInputsOf,
  elementCount,
  type Graph,
  GraphView,
  isDequantize,
  isFloat,
  type Node,
  readsOf,
} from '../../onnx/index.ts';
import { own } from '../../own.ts';
import { gradientInputs, smoothlyReaching } from '../autodiff/index.ts';
import { constantReason, type FirstUse } from './constants.ts';
import { reachedFrom } from './flow.ts';
import { isTail } from './tail.ts';

/**
 * `weight`: of a layer that mixes (convolution, product, embedding), with its bias. `affine`: scales, offsets, tokens that adjust the
 * results of layers. `statistic`: running mean and variance, which gradients do not change.
 */
export type Role = 'weight' | 'affine' | 'statistic';

/** The role of an initializer in the network. */
export interface Use {
  readonly name: string;
  readonly role: Role;
  /** Index of the first node in which it meets the data. */
  readonly node: number;
}

/**
 * Float initializers by role: parameters and running statistics in the order in which they meet the data, and the reasons for all others.
 */
export interface Survey {
  readonly uses: readonly Use[];
  readonly constants: ReadonlyMap<string, string>;
}

/** A layer's own operands, by position. */
export const ROLES: Readonly<Record<string, readonly (Role | undefined)[]>> = {
  Conv: [undefined, 'weight', 'weight'],
  ConvTranspose: [undefined, 'weight', 'weight'],
  DeformConv: [undefined, 'weight', undefined, 'weight'],
  Gemm: ['weight', 'weight', 'weight'],
  MatMul: ['weight', 'weight'],
  BatchNormalization: [undefined, 'affine', 'affine', 'statistic', 'statistic'],
  LayerNormalization: [undefined, 'affine', 'affine'],
  GroupNormalization: [undefined, 'affine', 'affine'],
  InstanceNormalization: [undefined, 'affine', 'affine'],
  RMSNormalization: [undefined, 'affine'],
  PRelu: [undefined, 'weight'],
  Gather: ['weight'],
  LSTM: [undefined, 'weight', 'weight', 'weight', undefined, undefined, undefined, 'weight'],
  GRU: [undefined, 'weight', 'weight', 'weight'],
  RNN: [undefined, 'weight', 'weight', 'weight'],
  // Operators of ONNX Runtime's optimizer.
  FusedConv: [undefined, 'weight', 'weight'],
  FusedGemm: ['weight', 'weight', 'weight'],
  FusedMatMul: ['weight', 'weight'],
  BiasGelu: [undefined, 'weight'],
  FastGelu: [undefined, 'weight'],
  Attention: [undefined, 'weight', 'weight'],
  MultiHeadAttention: [undefined, undefined, undefined, 'weight'],
  SimplifiedLayerNormalization: [undefined, 'affine'],
  SkipLayerNormalization: [undefined, undefined, 'affine', 'affine', 'affine'],
  SkipSimplifiedLayerNormalization: [undefined, undefined, 'affine', 'affine'],
  EmbedLayerNormalization: [undefined, undefined, 'weight', 'weight', 'weight', 'affine', 'affine'],
};

/** Operators that only rearrange or round, so that their result is still the parameter. */
const REARRANGING: ReadonlySet<string> = new Set(
  'Identity Transpose Reshape Flatten Squeeze Unsqueeze Expand Tile Cast QuantizeLinear DequantizeLinear'.split(' '),
);

/**
 * Every float initializer with a gradient path to an output is a parameter, except the constants that `constantReason`
 * recognizes. It belongs to the node in which it, or a value computed from it and other constants, first meets the data.
 *
 * @param output the graph output that the loss reads
 */
export function surveyParameters(graph: Graph, output = graph.outputs[0]?.name ?? ''): Survey {
  const inputs = dataInputsOf(graph).map(({ name }) => name);
  const data = reachedFrom(graph.nodes, inputs);
  const smooth = smoothlyReaching(graph.nodes, [output]);
  const view = new GraphView(graph);
  const uses = new Map<string, Use>();
  const constants = new Map<string, string>();
  /** Values that depend on a parameter. */
  const touched = new Set<string>();
  const visited = new Set<string>();

  /** The initializers that a value is computed from, and whether they reach it unchanged except for order and type. */
  function* behind(value: string): Generator<{ name: string; isDirect: boolean }> {
    const open = [{ name: value, isDirect: true }];
    for (let next = open.pop(); next; next = open.pop()) {
      if (graph.initializers.has(next.name)) yield next;
      const producer = visited.has(next.name) ? undefined : view.producer(next.name);
      visited.add(next.name);
      if (!producer) continue;
      const isDirect = next.isDirect && REARRANGING.has(producer.op);
      const read = gradientInputs(producer).filter((name) => !data.has(name));
      open.push(...read.reverse().map((name) => ({ name, isDirect })));
    }
  }

  const settle = (first: Omit<FirstUse, 'tensor' | 'isLayers'>, index: number, role: Role | undefined) => {
    const { name } = first;
    const tensor = graph.initializers.get(name)!;
    if (!isFloat(tensor.type) || constants.has(name)) return;
    const before = uses.get(name);
    const reason = before ? undefined : constantReason({ ...first, tensor, isLayers: role !== undefined });
    if (reason !== undefined) {
      constants.set(name, reason);
      return;
    }
    touched.add(name);
    // A tensor that is shared by a weight and a statistic counts as a weight.
    if (!before) uses.set(name, { name, role: role ?? 'affine', node: index });
    else if (before.role === 'statistic') uses.set(name, { ...before, role: role ?? 'affine' });
  };

  const settleNode = (node: Node, index: number) => {
    const roles = own(ROLES, node.op) ?? [];
    const isRaw = !readsOf(node).some((name) => touched.has(name));
    for (const value of gradientInputs(node)) {
      if (data.has(value)) continue;
      const found = [...behind(value)];
      for (const { name, isDirect } of found) {
        const role = isDirect ? roles[node.inputs.indexOf(value)] : undefined;
        settle({ name, node, isRaw: isRaw && isDirect }, index, role);
      }
      if (found.some(({ name }) => touched.has(name))) touched.add(value);
    }
  };

  for (const [index, node] of graph.nodes.entries()) {
    if (!node.outputs.some((name) => data.has(name))) continue;
    if (!isTail(node) && node.outputs.some((name) => smooth.has(name))) settleNode(node, index);
    if (readsOf(node).some((name) => touched.has(name))) for (const name of node.outputs) touched.add(name);
  }
  // Initializers that reach the output without meeting the data.
  for (const [index, node] of graph.nodes.entries()) {
    const isReached = !isTail(node) && node.outputs.some((name) => smooth.has(name));
    if (isReached && !node.outputs.some((name) => data.has(name))) settleNode(node, index);
  }
  return { uses: [...uses.values()].sort((a, b) => a.node - b.node), constants };
}

/**
 * Turns the contents of `Constant` nodes into initializers if they could be parameters (floats, more than one element) or if they
 * dequantize some: some exporters write weights like this.
 */
export function hoistConstants(graph: Graph): Graph {
  const initializers = new Map(graph.initializers);
  const rounding = new Set(graph.nodes.flatMap((node) => (isDequantize(node) ? node.inputs : [])));
  const nodes = graph.nodes.filter((node) => {
    const contents = constantOf(node);
    if (!contents) return true;
    const [name] = node.outputs;
    if ((!isFloat(contents.type) || elementCount(contents.shape) < 2) && !rounding.has(name)) return true;
    initializers.set(name, contents);
    return false;
  });
  return nodes.length === graph.nodes.length ? graph : { ...graph, nodes, initializers };
}
