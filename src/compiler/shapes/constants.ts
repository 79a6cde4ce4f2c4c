import {
  dataInputsOf,
  elementCount,
  type Graph,
  isFloat,
  isGenerated,
  isQuantize,
  type Node,
  readsOf,
  subgraphs,
} from '../../onnx/index.ts';
import { smoothlyReaching } from '../autodiff/index.ts';

/** Operators whose result does not depend on their input's contents, only on its shape. */
export const SHAPE_ONLY = new Set(['Shape', 'Size']);
const RANDOM = /^(Random|Multinomial|Bernoulli)/;

/**
 * Outputs of nodes that do not depend on the contents of the graph's inputs, on weights (which training may change), or on
 * chance. They may depend on the inputs' shapes.
 */
export function dataIndependent(graph: Graph): Set<string> {
  const inputs = dataInputsOf(graph).map(({ name }) => name);
  const outputs = graph.outputs.map(({ name }) => name);
  const reached = smoothlyReaching(graph.nodes, outputs);
  // A named scalar may be a parameter too.
  const weights = [...graph.initializers].filter(
    ([name, { type, shape }]) => isFloat(type) && reached.has(name) && (elementCount(shape) > 1 || !isGenerated(name)),
  );
  // A float that the graph rounds may be a weight of any size: a weight that is not trained would be stored as integers.
  const rounded = graph.nodes.filter(isQuantize).map((node) => node.inputs[0]);
  const tainted = new Set([...inputs, ...weights.map(([name]) => name), ...rounded]);
  const independent = new Set<string>();
  for (const node of graph.nodes) {
    const clean = SHAPE_ONLY.has(node.op) || (!isRandom(node) && readsOf(node).every((name) => !tainted.has(name)));
    for (const output of node.outputs) if (output !== '') (clean ? independent : tainted).add(output);
  }
  return independent;
}

const isRandom = (node: Node): boolean =>
  RANDOM.test(node.op) || subgraphs(node).some((graph) => graph.nodes.some(isRandom));
