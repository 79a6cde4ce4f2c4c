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
 * Replaces every weight stored as integers by a float32 weight of the same name. The graph rounds it again, so that
 * training sees the results of the final rounding. Only int32 weights (biases) skip the rounding: no operator rounds to
 * int32, and its steps are too fine to matter.
 *
 * @returns the same model if it has no such weight
 * @throws ThawError `bad-model` naming the first node that dequantizes a weight in a way that cannot be reversed
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
    `the weight "${name}" (${graph.initializers.get(name)!.type}) of DequantizeLinear node "${labelOf(other)}" has a quantization that cannot be trained`,
    'Use weights in 8, 16 or 32 bits with a single scale or one per channel, or give the float model',
  );
}
