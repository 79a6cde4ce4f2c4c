import { type Model, type Node, numbersOf, tensor } from '../../src/onnx/index.ts';

/**
 * Folds every batch normalization into the convolution before it, as exporters do for inference:
 * w' = w·γ/√(σ² + ε), c' = β − μ·γ/√(σ² + ε).
 */
export function foldBatchNorm(model: Model): Model {
  const { graph } = model;
  const initializers = new Map(graph.initializers);
  const producers = new Map(graph.nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)));
  const folded = new Map<Node, Node>();
  const dropped = new Set<Node>();
  for (const norm of graph.nodes.filter(({ op }) => op === 'BatchNormalization')) {
    const conv = producers.get(norm.inputs[0]);
    if (conv?.op !== 'Conv' || conv.inputs.length !== 2)
      throw new Error(`${norm.name} follows no convolution without bias`);
    const [scale, bias, mean, variance] = norm.inputs.slice(1).map((name) => numbersOf(initializers.get(name)!));
    const epsilon = norm.attributes.epsilon.value as number;
    const factors = scale.map((s, c) => s / Math.sqrt(variance[c] + epsilon));
    const weight = initializers.get(conv.inputs[1])!;
    const size = weight.data.length / factors.length;
    const scaled = Float32Array.from(numbersOf(weight), (w, i) => w * factors[Math.floor(i / size)]);
    const biasName = conv.inputs[1].replace(/weight$/, 'bias');
    for (const name of norm.inputs.slice(1)) initializers.delete(name);
    initializers.set(conv.inputs[1], tensor('float32', weight.shape, scaled));
    initializers.set(
      biasName,
      tensor(
        'float32',
        [factors.length],
        Float32Array.from(factors, (f, c) => bias[c] - mean[c] * f),
      ),
    );
    folded.set(conv, { ...conv, inputs: [...conv.inputs, biasName], outputs: norm.outputs });
    dropped.add(norm);
  }
  const nodes = graph.nodes.filter((node) => !dropped.has(node)).map((node) => folded.get(node) ?? node);
  return { ...model, graph: { ...graph, nodes, initializers } };
}
