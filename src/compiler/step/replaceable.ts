import { type Graph, GraphView, type Node, readsOf } from '../../onnx/index.ts';
import { VIEWS } from './memory.ts';

/** Write each element of the result after they have read those in its place. */
export const ELEMENT_BY_ELEMENT = new Set(['Add', 'Sub', 'Mul', 'Div', 'Sqrt', 'Sum']);

/** Nodes that are looked at for each state: what an optimizer computes of a moment is near, what a network computes of a weight is not. */
const NEAR = 32;

/**
 * State `x` whose next value `x.next` may be written over it: whatever else reads it comes before, whatever order a runtime takes. These are
 * the optimizer's moments, as a rule, and not parameters, which products of the backward pass read (see `writeInPlace`).
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
    // It may read the state itself, of which all elements are in their places.
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

/** Whether all of the nodes come before another one, which computes from what they do. */
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
