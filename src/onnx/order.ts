import type { Node } from './model.ts';
import { producersIn, readsOf } from './subgraphs.ts';

/** The nodes that an output depends on. */
export function liveNodes(nodes: readonly Node[], outputs: readonly string[]): Node[] {
  const needed = new Set(outputs);
  const live: Node[] = [];
  for (const node of [...nodes].reverse()) {
    if (!node.outputs.some((name) => needed.has(name))) continue;
    live.push(node);
    for (const name of readsOf(node)) needed.add(name);
  }
  return live.reverse();
}

/** Nodes after those that they read from, otherwise in the given order. In a circle there is no such order; it is left as it is. */
export function inOrder(nodes: readonly Node[]): Node[] {
  const producers = producersIn(nodes);
  const placed = new Set<Node>();
  const entered = new Set<Node>();
  // What a node reads is gone through once, however often its producers lead away from it: it may be thousands of values.
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
