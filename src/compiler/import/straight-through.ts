import { ThawError } from '../../errors.ts';
import {
  dequantized,
  type Graph,
  isDequantize,
  labelOf,
  type Model,
  makeNode,
  type Node,
  quantizedWeights,
  Rewriter,
  renamed,
  tensor,
} from '../../onnx/index.ts';

/**
 * The model with a float32 weight in place of every one that it holds in whole numbers, under the same name. The graph rounds it again, so
 * that it computes what it will once the weight is rounded for good. Only int32 weights (biases) are read as they are: no operator rounds to
 * int32, whose steps are so fine that it makes no difference.
 *
 * @returns the model itself where it has no such weight
 * @throws ThawError `bad-model` naming the first node that makes floats of a weight in a way that cannot be undone
 */
export function withFloatWeights(model: Model): Model {
  const { graph } = model;
  const weights = quantizedWeights(graph);
  refuseOthers(graph, weights);
  if (weights.size === 0) return model;
  const rewriter = new Rewriter(graph);
  const read = new Map<string, string>();
  const rounding = new Map<string, Node>();
  for (const [name, { quantization, nodes }] of weights) {
    rewriter.initializers.set(name, dequantized(graph.initializers.get(name)!, quantization));
    const { type } = quantization;
    if (type === 'int32') {
      for (const { outputs } of nodes) read.set(outputs[0], name);
      continue;
    }
    const [{ domain, inputs, attributes }] = nodes;
    const [, scale, given] = inputs;
    const zeros = () => tensor(type, graph.initializers.get(scale)!.shape, new ZEROS[type](quantization.scale.length));
    const zero = given || rewriter.constant(`${name}_zero_point`, zeros());
    const whole = rewriter.fresh(`${name}_rounded`);
    const { axis } = attributes;
    rounding.set(name, makeNode('QuantizeLinear', [name, scale, zero], [whole], { axis }, { name: whole, domain }));
  }
  const placed = new Set<string>();
  for (const node of graph.nodes) {
    const [name, ...rest] = node.inputs;
    const before = rounding.get(name);
    if (!isDequantize(node) || !weights.has(name)) rewriter.nodes.push(node);
    else if (before) {
      if (!placed.has(name)) rewriter.nodes.push(before);
      placed.add(name);
      rewriter.nodes.push({ ...node, inputs: [before.outputs[0], ...rest] });
    }
  }
  return { ...model, graph: renamed(rewriter.graph, (name) => read.get(name) ?? name) };
}

const ZEROS = { int8: Int8Array, uint8: Uint8Array, int16: Int16Array, uint16: Uint16Array } as const;

function refuseOthers(graph: Graph, weights: ReadonlyMap<string, unknown>): void {
  const other = graph.nodes.find(
    (node) => isDequantize(node) && graph.initializers.has(node.inputs[0]) && !weights.has(node.inputs[0]),
  );
  if (!other) return;
  const [name] = other.inputs;
  throw new ThawError(
    'bad-model',
    `the weight "${name}" (${graph.initializers.get(name)!.type}) of DequantizeLinear node "${labelOf(other)}" cannot be trained as it is quantized`,
    'What can are weights in 8, 16 or 32 bits with one scale, or one a channel; or give the float model',
  );
}
