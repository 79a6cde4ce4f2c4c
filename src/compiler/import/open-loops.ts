import {
  freshName,
  type Graph,
  GraphView,
  isFloat,
  labelOf,
  type Model,
  makeNode,
  type Node,
  renamed,
  sameShape,
  subgraph,
  subgraphs,
  type Typed,
  tensor,
  toAttributes,
  valueNames,
} from '../../onnx/index.ts';
import { dependsOnWeights } from './branches.ts';
import type { KnownValues } from './loops.ts';

/** A model with a loop whose values have names of their own. */
export interface OpenLoop {
  readonly model: Model;
  /** The model with the values of all steps as list outputs. It does not run if their shapes change. */
  readonly listed: Model;
  /** The same model with a single step, whatever the data, to find the shapes. */
  readonly single: Model;
  /** The name of the list for each value in the loop. */
  readonly lists: ReadonlyMap<string, string>;
  /** The loop's first result. */
  readonly node: string;
  /** The step number, inside the loop. */
  readonly counter: string;
  /** The names of each state before and after a step. */
  readonly states: readonly (readonly [string, string])[];
}

/**
 * Opens a `Loop` with an unknown number of steps, so that gradients can pass: its values get unique names, and its
 * weights move to the graph.
 *
 * @param done names of the first results of the loops that are already open, or stay closed
 * @returns undefined without such a loop
 */
export function openLoop({ ...model }: Model, known: KnownValues, done: ReadonlySet<string>): OpenLoop | undefined {
  const { graph } = model;
  const view = new GraphView(graph, known);
  const at = graph.nodes.findIndex((node) => isOpenable(node, view) && !done.has(node.outputs[0]));
  if (at < 0) return undefined;
  const node = graph.nodes[at];
  const body = subgraph(node, 'body')!;
  const outside = valueNames({ ...graph, nodes: graph.nodes.filter((other) => other !== node) });
  for (const name of [...node.inputs, ...node.outputs]) outside.add(name);
  const taken = valueNames(graph);
  const inner = [
    ...body.inputs.map(({ name }) => name),
    ...body.nodes.flatMap(({ outputs }) => outputs.filter((name) => name !== '')),
  ];
  const names = new Map(inner.filter((name) => outside.has(name)).map((name) => [name, freshName(name, taken)]));
  const initializers = new Map(graph.initializers);
  for (const [name, { type }] of body.initializers) {
    if (!outside.has(name)) continue;
    // The exported model would not have this weight under its name.
    if (isFloat(type)) return openLoop(model, known, new Set([...done, node.outputs[0]]));
    names.set(name, freshName(name, taken));
  }
  const own = renamed(body, (name) => names.get(name) ?? name);
  for (const [name, contents] of own.initializers) initializers.set(name, contents);
  const opened: Graph = { ...own, initializers: new Map(), valueInfo: [] };
  const [counter, , ...states] = opened.inputs.map(({ name }) => name);
  const values = [...states, ...opened.nodes.flatMap(({ outputs }) => outputs.filter((name) => name !== ''))];
  const lists = new Map(values.map((name) => [name, freshName(`${name}/steps`, taken)]));
  const copies = [...lists].map(([name, list]) =>
    makeNode('Identity', [name], [freshName(`${name}/step`, taken)], {}, { name: list }),
  );
  const listed: Graph = {
    ...opened,
    nodes: [...opened.nodes, ...copies],
    outputs: [...opened.outputs, ...copies.map(({ outputs: [name] }) => ({ name }))],
  };
  const one = freshName(`${labelOf(node)}/one`, taken);
  const withBody = (body: Graph, outputs: readonly string[], inputs = node.inputs): Model => {
    const loop: Node = { ...node, inputs, outputs, attributes: toAttributes({ ...node.attributes, body }) };
    return { ...model, graph: { ...graph, initializers, nodes: graph.nodes.with(at, loop) } };
  };
  const given = [...node.outputs, ...lists.values()];
  const once = withBody(listed, given, [one, '', ...node.inputs.slice(2)]);
  const trips = tensor('int64', [], BigInt64Array.of(1n));
  return {
    model: withBody(opened, node.outputs),
    listed: withBody(listed, given),
    single: { ...once, graph: { ...once.graph, initializers: new Map([...initializers, [one, trips]]) } },
    lists,
    node: node.outputs[0],
    counter,
    states: states.map((name, i) => [name, opened.outputs[1 + i].name]),
  };
}

/**
 * Types and shapes of an open loop's values.
 *
 * @param values of the model with a single step
 * @returns undefined if a state changes its shape
 */
export function valuesOf(
  { lists, counter, states }: OpenLoop,
  values: ReadonlyMap<string, Typed>,
): Map<string, Typed> | undefined {
  const found = new Map<string, Typed>([[counter, { type: 'int64', shape: [] }]]);
  for (const [name, list] of lists) {
    const typed = values.get(list);
    if (typed) found.set(name, { ...typed, shape: typed.shape.slice(1) });
  }
  const shapeOf = (name: string) => (found.get(name) ?? values.get(name))?.shape ?? [];
  return states.every(([before, after]) => sameShape(shapeOf(before), shapeOf(after))) ? found : undefined;
}

/** Whether a loop gives floats that depend on weights, and has no loops or branches inside. */
function isOpenable(node: Node, view: GraphView): boolean {
  const body = node.op === 'Loop' && node.domain === '' ? subgraph(node, 'body') : undefined;
  if (!body || body.nodes.some((inner) => subgraphs(inner).length)) return false;
  return node.outputs.some((name) => view.typeOf(name)?.type === 'float32') && dependsOnWeights(node, view);
}
