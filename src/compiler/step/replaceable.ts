import { type Graph, GraphView, type Node, readsOf } from '../../onnx/index.ts';
import { VIEWS } from './memory.ts';

/** Operators that write each element of the result after they have read the elements at its position. */
export const ELEMENT_BY_ELEMENT = new Set(['Add', 'Sub', 'Mul', 'Div', 'Sqrt', 'Sum']);

/**
 * Maximum number of nodes to visit for each state: an optimizer computes few nodes from a moment, a network computes many from a weight.
 */
const NEAR = 32;

/**
 * Finds state `x` whose next value `x.next` may overwrite it: all other readers come first, in any order that a runtime chooses. As a rule
 * these are the optimizer's moments, and not parameters, which products of the backward pass read (see `writeInPlace`).
 */
export function replaceable(graph: Graph): Set<string> {
  const given = new Set(graph.inputs.map(({ name }) => name));
  const view = new GraphView(graph);
  const found = new Set<string>();
  for (const { name: next } of graph.outputs) {
    const state = next.replace(/\.next$/, '');
    const writer = view.producer(next);
    if (state === next || !given.has(state) || !writer) continue;
    if (writer.domain !== '' || !ELEMENT_BY_ELEMENT.has(writer.op)) continue;
    const views = readersOfViews(state, view);
    const rest = new Set([...view.readers(state), ...views]);
    // The writer may read the state itself, with all elements at their positions.
    if (!views.includes(writer)) rest.delete(writer);
    if (come(rest, writer, view)) found.add(state);
  }
  return found;
}

/** The nodes that read a value in another shape. */
function readersOfViews(name: string, view: GraphView): Node[] {
  const found: Node[] = [];
  const names = new Set([name]);
  for (const seen of names) {
    for (const node of view.readers(seen)) {
      if (seen !== name) found.push(node);
      if (VIEWS.has(node.op)) names.add(node.outputs[0]);
    }
  }
  return found;
}

/** Whether all of the nodes come before another one, which depends on their results. */
function come(before: Set<Node>, after: Node, view: GraphView): boolean {
  const seen = new Set([after]);
  for (const node of seen) {
    if (before.size === 0) return true;
    if (seen.size > NEAR) return false;
    for (const name of readsOf(node)) {
      const producer = view.producer(name);
      if (!producer) continue;
      seen.add(producer);
      before.delete(producer);
    }
  }
  return before.size === 0;
}
