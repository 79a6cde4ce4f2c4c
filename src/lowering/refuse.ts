import { ThawError } from '../errors.ts';
import { type Graph, type Node, subgraphs } from '../onnx/index.ts';

/** Operators that compute in whole numbers, or make floats of them: of the standard, and as ONNX Runtime's tools write them. */
const QUANTIZED =
  /^(QLinear\w+|(Dynamic)?QuantizeLinear|DequantizeLinear|ConvInteger|MatMulInteger\w*|DynamicQuantize\w+|QGemm|QMoE|Q(Ordered)?Attention|QOrdered\w+|MatMulNBits|MatMulBnb4|GatherBlockQuantized|QEmbedLayerNormalization)$/;
const BLOCKED = 'com.microsoft.nchwc';

/**
 * Refuses models that were made for running only.
 *
 * @throws ThawError `bad-model` where it is quantized, or laid out for one processor, naming the first such node
 */
export function refuseUntrainable({ graph }: { readonly graph: Graph }): void {
  const nodes = allNodes(graph);
  const quantized = nodes.find(({ op, domain }) => /^(com\.microsoft)?$/.test(domain) && QUANTIZED.test(op));
  if (quantized) {
    throw new ThawError(
      'bad-model',
      `the model is quantized (${describe(quantized)}), and whole numbers have no gradients`,
      'Give the float model that it was made from, and quantize the result with `thaw export --quantize`',
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

const describe = ({ op, name, outputs }: Node): string => `${op} node "${name || outputs[0]}"`;
