import { ThawError } from '../../errors.ts';
import { type Graph, isDequantize, isQuantize, labelOf, type Node, subgraphs } from '../../onnx/index.ts';

/** Operators that compute with integers, or convert them to floats: those of the standard, and those that ONNX Runtime's tools write. */
const QUANTIZED =
  /^(QLinear\w+|(Dynamic)?QuantizeLinear|DequantizeLinear|ConvInteger|MatMulInteger\w*|DynamicQuantize\w+|QGemm|QMoE|Q(Ordered)?Attention|QOrdered\w+|MatMulNBits|MatMulBnb4|GatherBlockQuantized|QEmbedLayerNormalization)$/;
const BLOCKED = 'com.microsoft.nchwc';

/** How to handle a quantized model: refuse it, or train it with each rounding's gradient as the identity. */
export type Quantized = 'refuse' | 'straight-through';

/**
 * Refuses models that are made for inference only.
 *
 * @param policy `straight-through` accepts `QuantizeLinear` and `DequantizeLinear`
 * @throws ThawError `bad-model` naming the first quantized node, or the first one with a layout for a specific processor
 */
export function refuseUntrainable({ graph }: { readonly graph: Graph }, policy: Quantized = 'refuse'): void {
  const nodes = allNodes(graph);
  const quantized = nodes.filter(({ op, domain }) => /^(com\.microsoft)?$/.test(domain) && QUANTIZED.test(op));
  const whole = quantized.find((node) => !isQuantize(node) && !isDequantize(node));
  if (whole && policy === 'straight-through') {
    throw new ThawError(
      'bad-model',
      `the model computes with integers (${describe(whole)}), which the straight-through estimator does not cover`,
      'Quantize the float model from which it was made in the QDQ format, or train the float model, and quantize the result with `thaw export --quantize`',
    );
  }
  if (quantized.length && policy === 'refuse') {
    throw new ThawError(
      'bad-model',
      `the model is quantized (${describe(quantized[0])}), and integers have no gradients`,
      `Give the float model from which it was made, and quantize the result with \`thaw export --quantize\`${whole ? '' : '; or train it quantized, with `--quantized straight-through`'}`,
    );
  }
  const blocked = nodes.find(({ domain }) => domain === BLOCKED);
  if (!blocked) return;
  throw new ThawError(
    'bad-model',
    `the model's weights are laid out for one processor (${BLOCKED}.${describe(blocked)})`,
    'Give the model from before ONNX Runtime optimized it, or optimize it at most up to the level "extended"',
  );
}

const allNodes = (graph: Graph): Node[] =>
  graph.nodes.flatMap((node) => [node, ...subgraphs(node).flatMap((inner) => allNodes(inner))]);

const describe = (node: Node): string => `${node.op} node "${labelOf(node)}"`;
