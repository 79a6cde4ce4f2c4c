/** Chooses the results of the forward pass that are worth recomputing for the backward pass. */
import {
  ELEMENTWISE,
  elementsIn,
  type GraphBuilder,
  GraphView,
  isFloat,
  type Node,
  plainAttributes,
  readsOf,
} from '../../onnx/index.ts';
import { ADJOINT_DOMAIN, SHAPE_INPUTS } from './adjoint.ts';
import { canBeLate, computedAnew, type Recall, resultsOf } from './recompute.ts';

export interface Passes {
  /** Nodes of the forward pass that trainable parameters reach. */
  readonly forward: readonly Node[];
  /** Nodes of a backward pass that keeps all values it reads. */
  readonly backward: readonly Node[];
  /** Names of the values that vary with the data and that the forward pass does not compute; other inputs cost little and are kept. */
  readonly data: readonly string[];
  /** Names of the values that depend on trained parameters. */
  readonly active: ReadonlySet<string>;
}

/** With this many columns, a product and the two products of its gradient cost far more than a pass over its operand. */
const MANY_COLUMNS = 128;

/** A product with at most this many times the forward pass's multiplications per kept element is recomputed. */
const CHEAP_PRODUCT = 3;

const ONE_PASS = new Set([...ELEMENTWISE.keys(), 'BatchNormalization', 'LayerNormalization']);
const ONE_PASS_MICROSOFT = new Set(['Gelu', 'FastGelu', 'QuickGelu']);
const FEW_PASSES = new Set(
  'Concat Expand Gather LogSoftmax Reshape RMSNormalization Slice Softmax Split Squeeze Transpose Unsqueeze'.split(' '),
);
const PRODUCTS = new Set(['MatMul', 'Gemm', 'FusedMatMul']);

/** Whether a node splits a weight: its results, kept until the backward pass, would be a second copy of the weight. */
const isPartOfWeights = ({ op, domain, inputs }: Node, varying: ReadonlySet<string>) =>
  op === 'Split' && domain === '' && !inputs.some((name) => varying.has(name));

const isOnePass = ({ op, domain }: Node) =>
  domain === '' ? ONE_PASS.has(op) : domain === 'com.microsoft' && ONE_PASS_MICROSOFT.has(op);
const isFewPasses = ({ op, domain }: Node) => domain === '' && FEW_PASSES.has(op);
const isProduct = ({ op, domain }: Node) => PRODUCTS.has(op) && (domain === '' || domain === 'com.microsoft');

/**
 * Recomputes values that cost next to nothing: operands of large products that one pass computes from kept values, such as normalizations
 * and activations ahead of dense layers.
 *
 * @returns undefined if there are none
 */
export function recomputedFreely(b: GraphBuilder, passes: Passes): Recall | undefined {
  const { varying, kept } = survey(passes);
  const view = new GraphView({ nodes: passes.forward });
  const remade = new Set<Node>();
  const stays = new Set([...kept, ...passes.data]);
  for (const node of passes.forward) {
    const [y] = node.outputs;
    if (isPartOfWeights(node, varying)) remade.add(node);
    if (!varying.has(y) || !kept.has(y) || !isOnePass(node) || !isFloat(b.value(y).type)) continue;
    const isOperand = view.readers(y).some((reader) => {
      const columns = isProduct(reader) && b.value(reader.outputs[0]).shape.at(-1);
      return typeof columns === 'number' && columns >= MANY_COLUMNS;
    });
    const operands = node.inputs.filter((name) => varying.has(name));
    if (!isOperand || !operands.every((name) => stays.has(name) && canBeLate(b.value(name)))) continue;
    remade.add(node);
    stays.delete(y);
  }
  return remade.size ? computedAnew(b, remade, varying) : undefined;
}

/**
 * Recomputes values that cost little: activations and normalizations. Between the sums of a residual network (values that all later ones
 * are computed from), also products, softmax, and operators that split them. Convolutions are kept. (Chen et al., Training Deep Nets with
 * Sublinear Memory Cost, 2016.)
 */
export function recomputed(b: GraphBuilder, passes: Passes): Recall {
  const { varying, kept } = survey(passes);
  const { forward } = passes;
  const data = new Set(passes.data);
  const waists = waistsOf(passes, varying);
  const elements = [...kept].reduce((all, name) => all + (varying.has(name) ? elementsOf(b, name) : 0), 0);
  const affordable = (CHEAP_PRODUCT * forward.reduce((all, node) => all + multiplications(b, node), 0)) / elements;
  const remade = new Set<Node>();
  // Whether recomputing it takes a product.
  const deep = new Map<string, boolean>();
  for (const node of forward) {
    const [y] = node.outputs;
    if (isPartOfWeights(node, varying)) remade.add(node);
    if (!varying.has(y)) continue;
    const isCheap = isProduct(node)
      ? multiplications(b, node) <= affordable * elementsOf(b, y)
      : isOnePass(node) || isFewPasses(node);
    const floats = node.outputs.filter((name) => name !== '').every((name) => isFloat(b.value(name).type));
    const operands = node.inputs.filter((name) => varying.has(name));
    const there = operands.every((name) => {
      if (deep.has(name) || isSmall(b, name)) return true;
      return (kept.has(name) || data.has(name)) && canBeLate(b.value(name));
    });
    if (!isCheap || !floats || !there) continue;
    const isDeep = isProduct(node) || operands.some((name) => deep.get(name));
    if (isDeep && node.outputs.some((name) => waists.has(name))) {
      for (const name of node.outputs) kept.add(name);
      continue;
    }
    remade.add(node);
    for (const name of resultsOf(node)) deep.set(name, isDeep);
  }
  return computedAnew(b, remade, varying);
}

/** The values that vary with the data, and those of them that a backward pass reads. */
function survey({ forward, backward, data }: Passes) {
  const varying = new Set(data);
  for (const node of forward) {
    if (readsOf(node).some((name) => varying.has(name))) for (const name of node.outputs) varying.add(name);
  }
  return { varying, kept: new Set(backward.flatMap(contentsReadBy)) };
}

const contentsReadBy = (node: Node): readonly string[] => {
  const ignored = node.domain === ADJOINT_DOMAIN ? SHAPE_INPUTS[node.op] : undefined;
  return ignored ? node.inputs.filter((_, i) => !ignored.includes(i)) : readsOf(node);
};

/** Values that every path of the trained part passes through: after the node that computes one, no earlier value is still needed. */
function waistsOf({ forward, active }: Passes, varying: ReadonlySet<string>): Set<string> {
  const crosses = (name: string) => active.has(name) && varying.has(name);
  const last = new Map(forward.flatMap((node) => readsOf(node).map((name) => [name, node] as const)));
  const crossing = new Set<string>();
  const waists = new Set<string>();
  for (const node of forward) {
    for (const name of node.outputs) if (crosses(name) && last.has(name)) crossing.add(name);
    for (const name of readsOf(node)) if (last.get(name) === node) crossing.delete(name);
    if (crossing.size === 1) for (const name of node.outputs) if (crossing.has(name)) waists.add(name);
  }
  return waists;
}

/** Sizes, positions and the like. */
const isSmall = (b: GraphBuilder, name: string) => {
  const { type, shape } = b.value(name);
  return !isFloat(type) && shape.length < 2;
};

/** Elements of a value per sample. */
const elementsOf = (b: GraphBuilder, name: string): number => elementsIn(b.value(name).shape);

/** Multiplications of products and convolutions, per sample. */
function multiplications(b: GraphBuilder, node: Node): number {
  const { op, inputs, outputs } = node;
  const isConvolution = op === 'Conv' || op === 'FusedConv';
  if (!isConvolution && !isProduct(node)) return 0;
  const [x, w] = inputs.slice(0, 2).map((name) => b.value(name).shape);
  // For one element of the result: a filter, or a row of the left operand.
  const each = isConvolution ? w.slice(1) : x.slice(plainAttributes(node).transA ? -2 : -1).slice(0, 1);
  return elementsOf(b, outputs[0]) * elementsIn(each);
}
