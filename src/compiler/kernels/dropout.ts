import { type Graph, type GraphBuilder, makeNode, type Node, type Tensor, type Value } from '../../onnx/index.ts';

/** Whether a dropout draws noise in every run, as in models exported in training mode. */
export const isTrainingDropout = (node: Node, contents: (name: string) => Tensor | undefined): boolean =>
  node.op === 'Dropout' && node.domain === '' && Boolean(contents(node.inputs[2] ?? '')?.data[0]);

/** The rate of a dropout, 0.5 by default; undefined if it is unknown at compile time. */
export function rateOf({ inputs: [, rate] }: Node, contents: (name: string) => Tensor | undefined): number | undefined {
  if (!rate) return 0.5;
  const value = contents(rate)?.data[0];
  return value === undefined ? undefined : Number(value);
}

/** The graph for evaluation: dropouts pass their inputs through. */
export function withoutTrainingDropout(graph: Graph, contents: (name: string) => Tensor | undefined): Graph {
  const nodes = graph.nodes.map((node) =>
    isTrainingDropout(node, contents) ? { ...node, inputs: node.inputs.slice(0, 2) } : node,
  );
  return { ...graph, nodes };
}

/**
 * Places the results of a dropout under the node's names.
 *
 * @param dropped the first result and the mask of kept elements; in evaluation, absent: all of x is kept
 */
export function placeDropout(b: GraphBuilder, node: Node, x: Value, dropped?: { y: Value; kept: Value }): void {
  const [y, mask = ''] = node.outputs;
  const give = (from: Value, to: string) =>
    b.append(makeNode('Identity', [from.name], [to], {}, { name: `${node.name}/${to}` }));
  give(dropped?.y ?? x, y);
  if (mask !== '') give(dropped?.kept ?? b.full(1, x, 'bool'), mask);
}
