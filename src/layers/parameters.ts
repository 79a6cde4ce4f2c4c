import { elementCount, type Graph, isDequantize, isFloat, type Node, type Tensor } from '../onnx/index.ts';
import { reachedFrom } from './flow.ts';
import { isTail } from './tail.ts';

/**
 * `weight`: of a layer that mixes (convolution, product, embedding), its bias included. `affine`: scales, offsets, tokens that adjust what
 * layers compute. `statistic`: running mean and variance, which training does not change by gradients.
 */
export type Role = 'weight' | 'affine' | 'statistic';

/** What an initializer is to the network. */
export interface Use {
  readonly name: string;
  readonly role: Role;
  /** Index of the first node in which it meets the data. */
  readonly node: number;
}

/** Inputs by position. */
const ROLES: Readonly<Record<string, readonly (Role | undefined)[]>> = {
  Conv: [undefined, 'weight', 'weight'],
  ConvTranspose: [undefined, 'weight', 'weight'],
  Gemm: ['weight', 'weight', 'weight'],
  MatMul: ['weight', 'weight'],
  BatchNormalization: [undefined, 'affine', 'affine', 'statistic', 'statistic'],
  LayerNormalization: [undefined, 'affine', 'affine'],
  GroupNormalization: [undefined, 'affine', 'affine'],
  InstanceNormalization: [undefined, 'affine', 'affine'],
  RMSNormalization: [undefined, 'affine'],
  PRelu: [undefined, 'weight'],
  Gather: ['weight'],
  LSTM: [undefined, 'weight', 'weight', 'weight'],
  GRU: [undefined, 'weight', 'weight', 'weight'],
  RNN: [undefined, 'weight', 'weight', 'weight'],
  // As ONNX Runtime's optimizer writes them.
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

/** Operators that take a parameter anywhere: a bias, a layer scale, a position embedding, a class token. */
const ANYWHERE = new Set(['Add', 'Sub', 'Mul', 'Div', 'Concat', 'Einsum']);
const ARITHMETIC = new Set(['Add', 'Sub', 'Mul', 'Div']);
/** Operators that only rearrange or round, so that what comes out of them is still the parameter. */
export const REARRANGING: ReadonlySet<string> = new Set([
  'Identity',
  'Transpose',
  'Reshape',
  'Flatten',
  'Squeeze',
  'Unsqueeze',
  'Expand',
  'Tile',
  'Cast',
  'QuantizeLinear',
  'DequantizeLinear',
]);

/**
 * The float initializers that training may change, and running statistics, in the order in which they meet the data. Constants of
 * the arithmetic (single numbers, the means and deviations that a graph normalizes its input with) are none.
 */
export function parameterUses(graph: Graph): Use[] {
  const inputs = graph.inputs.map(({ name }) => name).filter((name) => !graph.initializers.has(name));
  const data = reachedFrom(graph.nodes, inputs);
  // The initializer behind a value that is only rearranged or rounded.
  const source = new Map([...graph.initializers.keys()].map((name) => [name, name]));
  const touched = new Set<string>();
  const uses = new Map<string, Use>();
  graph.nodes.forEach((node, index) => {
    if (node.domain !== '' && !/microsoft/.test(node.domain)) return;
    const first = source.get(node.inputs[0] ?? '');
    const meets = node.outputs.some((name) => data.has(name));
    if (!meets && first !== undefined && REARRANGING.has(node.op)) source.set(node.outputs[0], first);
    if (!meets || isTail(node)) return;
    let weighted = node.inputs.some((name) => touched.has(name));
    node.inputs.forEach((input, at) => {
      const name = source.get(input);
      const tensor = name === undefined ? undefined : graph.initializers.get(name);
      const role = tensor && roleOf(node, at, tensor, weighted);
      if (!role) return;
      weighted = true;
      const before = uses.get(name!);
      // A tensor that is shared by a weight and a statistic is a weight.
      if (!before) uses.set(name!, { name: name!, role, node: index });
      else if (before.role === 'statistic') uses.set(name!, { ...before, role });
    });
    if (weighted) for (const output of node.outputs) touched.add(output);
  });
  return [...uses.values()];
}

function roleOf(node: Node, at: number, tensor: Tensor, weighted: boolean): Role | undefined {
  if (!isFloat(tensor.type)) return undefined;
  const role = ROLES[node.op]?.[at];
  if (role) return role;
  // Arithmetic before the first weight is preprocessing.
  const several = elementCount(tensor.shape) > 1;
  return several && ANYWHERE.has(node.op) && (weighted || !ARITHMETIC.has(node.op)) ? 'affine' : undefined;
}

/**
 * The graph with the contents of `Constant` nodes as initializers wherever they could be parameters (floats, more than one element) or what
 * makes floats of quantized ones: some exporters write weights so.
 */
export function hoistConstants(graph: Graph): Graph {
  const initializers = new Map(graph.initializers);
  const rounding = new Set(graph.nodes.flatMap((node) => (isDequantize(node) ? node.inputs : [])));
  const nodes = graph.nodes.filter(({ op, domain, outputs, attributes }) => {
    const value = op === 'Constant' && domain === '' ? attributes.value : undefined;
    if (value?.kind !== 'tensor') return true;
    const { type, shape } = value.value;
    if ((!isFloat(type) || elementCount(shape) < 2) && !rounding.has(outputs[0])) return true;
    initializers.set(outputs[0], value.value);
    return false;
  });
  return nodes.length === graph.nodes.length ? graph : { ...graph, nodes, initializers };
}
