import { ThawError } from '../../errors.ts';
import { type Graph, isDequantize, isQuantize, labelOf, type Node, subgraphs } from '../../onnx/index.ts';

/** Operators that compute in whole numbers, or make floats of them: of the standard, and as ONNX Runtime's tools write them. */
const QUANTIZED =
  /^(QLinear\w+|(Dynamic)?QuantizeLinear|DequantizeLinear|ConvInteger|MatMulInteger\w*|DynamicQuantize\w+|QGemm|QMoE|Q(Ordered)?Attention|QOrdered\w+|MatMulNBits|MatMulBnb4|GatherBlockQuantized|QEmbedLayerNormalization)$/;
const BLOCKED = 'com.microsoft.nchwc';

/** What becomes of a quantized model: it is refused, or it is trained as if its roundings were none. */
export type Quantized = 'refuse' | 'straight-through';

/**
 * Refuses models that were made for running only.
 *
 * @param policy `straight-through` lets `QuantizeLinear` and `DequantizeLinear` pass
 * @throws ThawError `bad-model` where it is quantized, or laid out for one processor, naming the first such node
 */
export function refuseUntrainable({ graph }: { readonly graph: Graph }, policy: Quantized = 'refuse'): void {
  const nodes = allNodes(graph);
  const quantized = nodes.filter(({ op, domain }) => /^(com\.microsoft)?$/.test(domain) && QUANTIZED.test(op));
  const whole = quantized.find((node) => !isQuantize(node) && !isDequantize(node));
  if (whole && policy === 'straight-through') {
    throw new ThawError(
      'bad-model',
      `the model computes in whole numbers (${describe(whole)}), where no gradient goes straight through`,
      'Quantize the float model it was made from in the QDQ format, or train that, and quantize the result with `thaw export --quantize`',
    );
  }
  if (quantized.length && policy === 'refuse') {
    throw new ThawError(
      'bad-model',
      `the model is quantized (${describe(quantized[0])}), and whole numbers have no gradients`,
      `Give the float model that it was made from, and quantize the result with \`thaw export --quantize\`${whole ? '' : '; or train it as it is with `--quantized straight-through`'}`,
    );
  }
  const blocked = nodes.find(({ domain }) => domain === BLOCKED);
  if (!blocked) return;
  throw new ThawError(
    'bad-model',
    `the model's weights are laid out for one processor (${BLOCKED}.${describe(blocked)})`,
    'Give the model as it was before ONNX Runtime optimized it, or optimize it no further than the level "extended"',
  );
}

const allNodes = (graph: Graph): Node[] =>
  graph.nodes.flatMap((node) => [node, ...subgraphs(node).flatMap((inner) => allNodes(inner))]);

const describe = (node: Node): string => `${node.op} node "${labelOf(node)}"`;
