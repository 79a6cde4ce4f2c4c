import { ThawError } from '../../errors.ts';
import {
  elementCount,
  type Graph,
  GraphView,
  isDequantize,
  isFloat,
  isQuantize,
  labelOf,
  MOST_COPIES,
  type Model,
  type Node,
  plainAttributes,
  type Tensor,
} from '../../onnx/index.ts';
import { neededFor } from './flow.ts';
import { isTail } from './tail.ts';

/** The classifier: the last layer, whose outputs are the classes' scores. */
export interface Head {
  readonly kind: 'gemm' | 'matmul' | 'conv';
  /** Its nodes: the product first, then the addition of the bias if that is a separate node. */
  readonly nodes: readonly string[];
  /** Initializers; the bias may be absent. */
  readonly weight: string;
  readonly bias?: string;
  /** Whether the weight is stored as [classes, features, …], as in PyTorch, or as [features, classes]. */
  readonly classesFirst: boolean;
  readonly features: number;
  readonly classes: number;
  /** The value that it reads, and the value that it computes. */
  readonly input: string;
  readonly output: string;
  /** Operators between it and the graph's output: Softmax, Flatten, Reshape, … */
  readonly tail: readonly string[];
  /** The graph's output that it leads to. */
  readonly graphOutput: string;
}

/** Operators that may follow the classifier; after a convolution, also pooling and SqueezeNet's activation. */
const TAIL = new Set([
  'Softmax',
  'LogSoftmax',
  'Sigmoid',
  'Flatten',
  'Reshape',
  'Squeeze',
  'Unsqueeze',
  'Identity',
  'Dropout',
  'Cast',
  'QuantizeLinear',
  'DequantizeLinear',
]);
const POOLING = new Set(['GlobalAveragePool', 'AveragePool', 'ReduceMean', 'GlobalMaxPool', 'MaxPool', 'Relu']);

/**
 * Finds the classifier: the last Gemm, MatMul (+ Add) or 1x1 Conv before the model's first output.
 *
 * @param options.name the name of its node or weight, if another layer is the head
 * @throws ThawError `bad-model` with the names of the possible layers
 */
export function findHead(model: Model, options: { readonly name?: string } = {}): Head {
  const { name } = options;
  const head = name === undefined ? headOf(model) : headNamed(model, name);
  if (head) return head;
  const candidates = layersOf(model.graph)
    .slice(-5)
    .reverse()
    .map((layer) => layer.nodes[0]);
  const why =
    name === undefined
      ? 'no classifier was found before the output'
      : `no Gemm, MatMul or 1x1 Conv with constant weights is called "${name}"`;
  const outputs = model.graph.outputs.map((output) => output.name);
  const others = outputs.length > 1 ? `; or choose another output with --output: ${outputs.join(', ')}` : '';
  const hint = candidates.length
    ? `Name it with --head: ${candidates.join(', ')}${others}`
    : 'A classifier ends in a Gemm, MatMul or 1x1 Conv with constant weights; thaw inspect lists the layers of this model';
  throw new ThawError(
    'bad-model',
    `${why} "${model.graph.outputs[0]?.name}"`.replace(/called .*$/, `called "${name}"`),
    hint,
  );
}

/** The classifier before the first output, if there is one. */
export function headOf({ graph }: Model): Head | undefined {
  const view = new GraphView(graph);
  let name = graph.outputs[0]?.name ?? '';
  const tail: string[] = [];
  for (;;) {
    const node = view.producer(name);
    if (!node) return undefined;
    const layer = layerEndingAt(view, node);
    if (layer) {
      const pooled = tail.some((op) => POOLING.has(op));
      return pooled && layer.kind !== 'conv'
        ? undefined
        : { ...layer, tail: tail.reverse(), graphOutput: graph.outputs[0].name };
    }
    if (!TAIL.has(node.op) && !POOLING.has(node.op) && !isTail(node)) return undefined;
    tail.push(node.op);
    name = node.inputs[0];
  }
}

function headNamed({ graph }: Model, name: string): Head | undefined {
  const layer = layersOf(graph).findLast(
    ({ nodes, weight, bias, output }) => nodes.includes(name) || [weight, bias, output].includes(name),
  );
  if (!layer) return undefined;
  const reached = new Set([layer.output]);
  for (const { inputs, outputs } of graph.nodes)
    if (inputs.some((one) => reached.has(one))) for (const output of outputs) if (output !== '') reached.add(output);
  const target = graph.outputs.find((info) => reached.has(info.name)) ?? graph.outputs[0];
  return { ...layer, tail: operatorsBetween(graph, layer.output, target.name), graphOutput: target.name };
}

type Layer = Omit<Head, 'tail' | 'graphOutput'>;

/** Every layer that could be a classifier, in order. */
function layersOf(graph: Graph): Layer[] {
  const view = new GraphView(graph);
  const consumed = new Set<string>();
  const layers = graph.nodes.flatMap((node) => layerEndingAt(view, node) ?? []);
  // A product whose bias is added by the next node is part of that layer.
  for (const { nodes } of layers) for (const name of nodes.length > 1 ? nodes : []) consumed.add(name);
  return layers.filter(({ nodes }) => nodes.length > 1 || !consumed.has(nodes[0]));
}

/** The layer that ends with this node: Gemm, MatMul, 1x1 Conv, or the addition of a bias to one of them. */
function layerEndingAt(view: GraphView, node: Node): Layer | undefined {
  if (node.domain !== '') return undefined;
  if (node.op !== 'Add') return product(view, node);
  for (const [data, constant] of [node.inputs, [...node.inputs].reverse()]) {
    const bias = behind(view, constant);
    const before = view.producer(beforeRounding(view, data));
    const layer = bias && before && product(view, before);
    if (!layer || layer.bias !== undefined || elementCount(bias.tensor.shape) !== layer.classes) continue;
    return { ...layer, nodes: [...layer.nodes, labelOf(node)], bias: bias.name, output: node.outputs[0] };
  }
  return undefined;
}

function product(view: GraphView, node: Node): Layer | undefined {
  if (node.domain !== '') return undefined;
  const weight = behind(view, node.inputs[1]);
  const bias = node.inputs[2] ? behind(view, node.inputs[2]) : undefined;
  if (!weight || (node.inputs[2] && !bias)) return undefined;
  const { shape } = weight.tensor;
  const common = {
    nodes: [labelOf(node)],
    weight: weight.name,
    bias: bias?.name,
    input: node.inputs[0],
    output: node.outputs[0],
  };
  const matrix = (kind: 'gemm' | 'matmul', classesFirst: boolean): Layer | undefined => {
    const [classes, features] = classesFirst ? shape : [shape[1], shape[0]];
    return shape.length === 2 ? { kind, ...common, classesFirst, features, classes } : undefined;
  };
  const { transA, transB, group = 1 } = plainAttributes(node);
  if (node.op === 'Gemm') return transA ? undefined : matrix('gemm', Boolean(transB) !== weight.transposed);
  if (node.op === 'MatMul') return matrix('matmul', weight.transposed);
  if (node.op !== 'Conv' || weight.transposed || shape.length < 3 || shape.slice(2).some((k) => k !== 1))
    return undefined;
  if (Number(group) !== 1) return undefined;
  return { kind: 'conv', ...common, classesFirst: true, features: shape[1], classes: shape[0] };
}

/** The value that is rounded to this one, or this one itself. */
function beforeRounding(view: GraphView, value: string): string {
  const node = view.producer(value);
  const rounding = node && isDequantize(node) ? view.producer(node.inputs[0]) : undefined;
  return rounding && isQuantize(rounding) ? rounding.inputs[0] : value;
}

/** The initializer behind a value, through Identity, a matrix's Transpose, QuantizeLinear and DequantizeLinear. */
export function behind(view: GraphView, value = ''): { name: string; tensor: Tensor; transposed: boolean } | undefined {
  let name = value;
  let transposed = false;
  let floats = false;
  for (let copies = 0; copies <= MOST_COPIES; copies++) {
    const tensor = view.initializers.get(name);
    if (tensor) return floats || isFloat(tensor.type) ? { name, tensor, transposed } : undefined;
    const node = view.producer(name);
    if (!node) return undefined;
    if (isDequantize(node)) floats = true;
    else if (node.op === 'Transpose') transposed = !transposed;
    else if (node.op !== 'Identity' && !isQuantize(node)) return undefined;
    name = node.inputs[0];
  }
  return undefined;
}

function operatorsBetween(graph: Graph, from: string, to: string): string[] {
  const needed = neededFor(graph.nodes, [to]);
  const reached = new Set([from]);
  const operators: string[] = [];
  for (const node of graph.nodes) {
    if (!node.inputs.some((name) => reached.has(name)) || !node.outputs.some((name) => needed.has(name))) continue;
    for (const output of node.outputs) reached.add(output);
    operators.push(node.op);
  }
  return operators;
}

/** Whether the head's tail only rearranges and scales its scores, so that it can also follow another head. */
export const tailStays = ({ kind, tail }: Head): boolean =>
  tail.every((op) => TAIL.has(op) || (kind === 'conv' && POOLING.has(op)));
