/** Finds loops that obviously never end: ONNX Runtime could not be stopped inside them. */
import { ThawError } from '../errors.ts';
import { numbersOf } from './data-types.ts';
import type { Graph, Node } from './model.ts';
import { labelOf } from './names.ts';
import { subgraph, subgraphs } from './subgraphs.ts';
import type { Tensor } from './tensor.ts';
import { GraphView } from './view.ts';

/** The most steps of a loop without a computed condition; beyond this it counts as endless. The longest texts have some 100,000 tokens. */
const MOST_STEPS = 10_000_000;

/** The contents of a value, if it is a constant of the graph or of an enclosing graph. */
type Contents = (name: string) => Tensor | undefined;

/**
 * @param graph without cycles
 * @throws ThawError `bad-model` for a `Loop` whose condition is always true, and whose number of steps is absent or far too large
 */
export function refuseEndless(graph: Graph, outer: Contents = () => undefined): void {
  const contents = contentsIn(graph, outer);
  for (const node of graph.nodes) {
    if (node.op === 'Loop' && node.domain === '') checkLoop(node, contents);
    for (const inner of subgraphs(node)) refuseEndless(inner, contents);
  }
}

function contentsIn(graph: Graph, outer: Contents): Contents {
  const view = new GraphView(graph);
  const own = new Set(graph.inputs.map(({ name }) => name));
  return (name) => {
    const source = view.original(name);
    const isOwn = own.has(source) || view.producer(source);
    return view.constant(source) ?? (isOwn ? undefined : outer(source));
  };
}

function checkLoop(node: Node, contents: Contents): void {
  const body = subgraph(node, 'body');
  if (!body) return;
  const [trips, condition] = node.inputs;
  const steps = trips ? contents(trips) : undefined;
  const count = trips ? (steps?.type === 'int64' ? numbersOf(steps)[0] : 0) : Number.POSITIVE_INFINITY;
  if (!(count > MOST_STEPS) || (condition && !isTrue(contents(condition)))) return;
  const after = new GraphView(body).original(body.outputs[0]?.name ?? '');
  const before = body.inputs[1]?.name;
  if (after !== before && !isTrue(contentsIn(body, contents)(after))) return;
  throw new ThawError(
    'bad-model',
    `Loop node "${labelOf(node)}" never ends: its condition is always true, and it ${trips ? `takes ${count} steps` : 'has no limit on its steps'}`,
    'Export the model again, with a loop that ends',
  );
}

const isTrue = (known: Tensor | undefined): boolean => known?.type === 'bool' && known.data[0] === 1;
