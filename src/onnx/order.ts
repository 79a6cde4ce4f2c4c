import type { Node } from './model.ts';
import { readsOf } from './subgraphs.ts';

/** Nodes after those that they read from, otherwise in the given order. In a circle there is no such order; it is left as it is. */
export function inOrder(nodes: readonly Node[]): Node[] {
  const producers = new Map(nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)));
  const placed = new Set<Node>();
  const entered = new Set<Node>();
  for (const node of nodes) {
    const path = [node];
    while (path.length) {
      const last = path.at(-1)!;
      entered.add(last);
      const before = placed.has(last)
        ? undefined
        : readsOf(last)
            .map((name) => producers.get(name))
            .find((producer) => producer && !entered.has(producer));
      if (before) path.push(before);
      else placed.add(path.pop()!);
    }
  }
  return [...placed];
}
