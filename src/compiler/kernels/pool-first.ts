import { GraphView, type Node, Rewriter } from '../../onnx/index.ts';
import { any, applyRules, op, rule } from './pattern.ts';
import type { TypedGraph } from './selection.ts';

const POOLED = op('MaxPool', op('Relu', any('x')).readOnce().as('relu'));

/**
 * The graph with `Relu(MaxPool(x))` instead of `MaxPool(Relu(x))`. Both are equal, because ReLU is monotonic. The activation and its
 * gradient then pass over the pooled map, a quarter of the size. If x has no positive element under a window, neither order passes
 * a gradient.
 *
 * @param named values that are read by their names, in addition to the graph's outputs
 * @param free whether a node may be replaced
 */
export function poolFirst(
  { graph, values }: TypedGraph,
  named: readonly string[],
  free: (node: Node) => boolean,
): TypedGraph {
  const rewriter = new Rewriter(graph, values);
  const swap = rule(POOLED, ({ x, relu }, pool): [Node, readonly Node[]][] | undefined => {
    const [pooled, ...indices] = pool.outputs;
    if (indices.length) return undefined;
    const greatest = rewriter.fresh(`${pooled}.greatest`, values.get(pooled));
    return [
      [relu, []],
      [
        pool,
        [
          { ...pool, inputs: [x], outputs: [greatest] },
          { ...relu, inputs: [greatest], outputs: [pooled] },
        ],
      ],
    ];
  });
  const places = new Map([...applyRules([swap], new GraphView(graph, { named }), free).values()].flat());
  const nodes = graph.nodes.flatMap((node) => places.get(node) ?? [node]);
  return { graph: { ...graph, nodes }, values: rewriter.values };
}
