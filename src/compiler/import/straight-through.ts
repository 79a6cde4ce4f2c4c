import { ThawError } from '../../errors.ts';
import {
  dequantized,
  freshName,
  type Graph,
  isDequantize,
  type Model,
  type Node,
  quantizedWeights,
  renamed,
  tensor,
  valueNames,
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
  const initializers = new Map(graph.initializers);
  const taken = valueNames(graph);
  const read = new Map<string, string>();
  const rounding = new Map<string, Node>();
  for (const [name, { quantization, nodes }] of weights) {
    initializers.set(name, dequantized(graph.initializers.get(name)!, quantization));
    if (quantization.type === 'int32') {
      for (const { outputs } of nodes) read.set(outputs[0], name);
      continue;
    }
    const [{ domain, inputs, attributes }] = nodes;
    const [, scale, given] = inputs;
    const zero = given || freshName(`${name}_zero_point`, taken);
    if (!given) {
      const { shape } = graph.initializers.get(scale)!;
      initializers.set(zero, tensor(quantization.type, shape, new ZEROS[quantization.type](quantization.scale.length)));
    }
    const whole = freshName(`${name}_rounded`, taken);
    const { axis } = attributes;
    rounding.set(name, {
      name: whole,
      op: 'QuantizeLinear',
      domain,
      inputs: [name, scale, zero],
      outputs: [whole],
      attributes: axis ? { axis } : {},
    });
  }
  const placed = new Set<string>();
  const nodes = graph.nodes.flatMap((node): Node[] => {
    const [name, ...rest] = node.inputs;
    if (!isDequantize(node) || !weights.has(name)) return [node];
    const before = rounding.get(name);
    if (!before) return [];
    const first = !placed.has(name);
    placed.add(name);
    return [...(first ? [before] : []), { ...node, inputs: [before.outputs[0], ...rest] }];
  });
  return { ...model, graph: renamed({ ...graph, nodes, initializers }, (name) => read.get(name) ?? name) };
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
    `the weight "${name}" (${graph.initializers.get(name)!.type}) of DequantizeLinear node "${other.name || other.outputs[0]}" cannot be trained as it is quantized`,
    'What can are weights in 8, 16 or 32 bits with one scale, or one a channel; or give the float model',
  );
}
