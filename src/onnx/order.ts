import type { Graph, Node } from './model.ts';
import { producersIn, readsOf } from './subgraphs.ts';

/** The nodes that outputs depend on. @param given values whose producers do not count */
export function liveNodes(
  nodes: readonly Node[],
  outputs: readonly string[],
  given: ReadonlySet<string> = new Set(),
): Node[] {
  const needed = new Set(outputs);
  const live: Node[] = [];
  for (const node of [...nodes].reverse()) {
    if (!node.outputs.some((name) => needed.has(name) && !given.has(name))) continue;
    live.push(node);
    for (const name of readsOf(node)) needed.add(name);
  }
  return live.reverse();
}

/** The graph without the nodes and initializers that its outputs do not depend on. */
export function pruned(graph: Graph): Graph {
  const outputs = graph.outputs.map(({ name }) => name);
  const nodes = liveNodes(graph.nodes, outputs);
  const needed = new Set([...outputs, ...nodes.flatMap(readsOf)]);
  const initializers = new Map([...graph.initializers].filter(([name]) => needed.has(name)));
  return { ...graph, nodes, initializers };
}

/** Sorts nodes after their producers, and keeps the given order otherwise. In a cycle, the given order stays. */
export function inOrder(nodes: readonly Node[]): Node[] {
  const producers = producersIn(nodes);
  const placed = new Set<Node>();
  const entered = new Set<Node>();
  // A node's operands are visited once only, even if the walk returns to it many times: it may have thousands.
  const step = (node: Node) => {
    const reads = placed.has(node) ? [] : readsOf(node);
    entered.add(node);
    return { node, reads: reads.values() };
  };
  for (const node of nodes) {
    const path = [step(node)];
    while (path.length) {
      const last = path.at(-1)!;
      const { value: before, done } = last.reads.next();
      if (done) {
        placed.add(last.node);
        path.pop();
        continue;
      }
      const producer = producers.get(before);
      if (producer && !entered.has(producer)) path.push(step(producer));
    }
  }
  return [...placed];
}
