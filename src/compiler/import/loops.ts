import {
  axis,
  type Graph,
  GraphView,
  isFloat,
  labelOf,
  type Model,
  type Node,
  numbersOf,
  ownNames,
  plainAttributes,
  Rewriter,
  renamed,
  subgraph,
  type Tensor,
  type Typed,
  tensor,
} from '../../onnx/index.ts';

/** A loop with more steps than this is kept. */
export const MOST_STEPS = 128;
/** A loop is also kept if unrolling it would give the graph more nodes than this. */
const MOST_NODES = 20_000;

/** Values of a model that are known at compile time. */
export interface KnownValues {
  readonly values: ReadonlyMap<string, Typed>;
  readonly constants: ReadonlyMap<string, Tensor>;
}

/** The common form of `Scan` and `Loop`: states that pass from step to step, and elements that each step takes and gives. */
interface Steps {
  readonly count: number;
  readonly body: Graph;
  /** Values of the first step's states, and the body's names for them. */
  readonly states: readonly string[];
  readonly stateInputs: readonly string[];
  /** The body's names for values that are the same in every step. */
  readonly fixed: ReadonlyMap<string, Tensor>;
  /** The body's name for the step number. */
  readonly counter?: string;
  readonly taken: readonly Sliced[];
  /** The body's results: states first. */
  readonly results: readonly string[];
  readonly given: readonly Omit<Sliced, 'from'>[];
}

/** A value of which every step has one element: slices along an axis, in order or reversed. */
interface Sliced {
  /** Outside the body: the source of the steps' slices. */
  readonly from: string;
  readonly name: string;
  readonly axis: number;
  readonly reversed: boolean;
}

/**
 * Unrolls every `Loop` and `Scan` of at most `MOST_STEPS` steps, a number that must be known, so that gradients
 * can pass. A `Loop` must run all its steps: its condition may not be computed. Loops inside other subgraphs stay.
 *
 * @returns the same model if it has no such loop
 */
export function unrollLoops(model: Model, known: KnownValues): Model {
  const { graph } = model;
  const view = new GraphView(graph, known);
  const rewriter = new Rewriter(graph);
  const own = ownNames(graph);
  let count = graph.nodes.length;
  let found = false;
  for (const node of graph.nodes) {
    const steps = stepsOf(node, view);
    const added = steps ? steps.count * steps.body.nodes.length : 0;
    const shared = steps && count + added <= MOST_NODES ? sharedNames(steps.body, own, rewriter) : undefined;
    if (!steps || !shared) {
      rewriter.nodes.push(node);
      continue;
    }
    found = true;
    count += added;
    for (const [name, as] of shared) rewriter.initializers.set(as, steps.body.initializers.get(name)!);
    for (const as of shared.values()) own.add(as);
    writeOut(node, steps, shared, rewriter);
  }
  return found ? { ...model, graph: rewriter.graph } : model;
}

function stepsOf(node: Node, view: GraphView): Steps | undefined {
  const body = node.domain === '' ? subgraph(node, 'body') : undefined;
  if (!body) return undefined;
  const steps = node.op === 'Loop' ? loop(node, body, view) : node.op === 'Scan' ? scan(node, body, view) : undefined;
  return steps && steps.count >= 1 && steps.count <= MOST_STEPS ? steps : undefined;
}

function loop(node: Node, body: Graph, view: GraphView): Steps | undefined {
  const [trips, condition, ...states] = node.inputs;
  const [counter, before, ...stateInputs] = body.inputs.map(({ name }) => name);
  const [after, ...results] = body.outputs.map(({ name }) => name);
  const isTrue = (known: Tensor | undefined) => known !== undefined && Boolean(known.data[0]);
  const limit = view.constant(trips);
  if (!limit || (condition && !isTrue(view.constant(condition)))) return undefined;
  const source = new GraphView(body).original(after);
  if (source !== before && !isTrue(body.initializers.get(source) ?? view.constant(source))) return undefined;
  return {
    count: numbersOf(limit)[0],
    body,
    states,
    stateInputs,
    fixed: new Map([[before, tensor('bool', [], Uint8Array.of(1))]]),
    counter,
    taken: [],
    results,
    given: results.slice(states.length).map((name) => ({ name, axis: 0, reversed: false })),
  };
}

function scan(node: Node, body: Graph, view: GraphView): Steps | undefined {
  const { inputs } = node;
  const attributes = plainAttributes(node);
  const { scan_input_axes = [], scan_input_directions = [] } = attributes;
  const { scan_output_axes = [], scan_output_directions = [] } = attributes;
  const count = inputs.length - (attributes.num_scan_inputs ?? 0);
  const results = body.outputs.map(({ name }) => name);
  const taken = inputs.slice(count).map((from, i) => ({
    from,
    name: body.inputs[count + i].name,
    axis: axis(scan_input_axes[i] ?? 0, view.typeOf(from)?.shape.length ?? 0),
    reversed: scan_input_directions[i] === 1,
  }));
  const length = taken.length ? view.typeOf(taken[0].from)?.shape[taken[0].axis] : undefined;
  const given = results.slice(count).map((name, i) => ({
    name,
    axis: Number(scan_output_axes[i] ?? 0),
    reversed: scan_output_directions[i] === 1,
  }));
  // A negative axis of a result would need its rank, which the body need not declare.
  if (typeof length !== 'number' || given.some((result) => result.axis < 0)) return undefined;
  return {
    count: length,
    body,
    states: inputs.slice(0, count),
    stateInputs: body.inputs.slice(0, count).map(({ name }) => name),
    fixed: new Map(),
    taken,
    results,
    given,
  };
}

/** The names of the body's initializers in the graph around it, or undefined if a weight could not keep its name. */
function sharedNames(body: Graph, own: ReadonlySet<string>, rewriter: Rewriter): Map<string, string> | undefined {
  const shared = new Map<string, string>();
  for (const [name, { type }] of body.initializers) {
    if (own.has(name) && isFloat(type)) return undefined;
    shared.set(name, own.has(name) ? rewriter.fresh(name) : name);
  }
  return shared;
}

function writeOut(
  node: Node,
  { count, body, states, stateInputs, fixed, counter, taken, results, given }: Steps,
  shared: ReadonlyMap<string, string>,
  rewriter: Rewriter,
): void {
  const label = labelOf(node);
  const constant = (hint: string, contents: Tensor): string => rewriter.constant(`${label}/${hint}`, contents);
  const integer = (hint: string, value: number, shape: readonly number[] = []): string =>
    constant(hint, tensor('int64', shape, BigInt64Array.of(BigInt(value))));
  const emit = (op: string, inputs: readonly string[], to: string, attributes = {}): string =>
    rewriter.emit(op, inputs, to, attributes, { name: `${label}/${to}` });
  const alike = new Map([
    ...shared,
    ...[...fixed].map(([name, contents]) => [name, constant(name, contents)] as const),
  ]);
  const elements: string[][] = given.map(() => []);
  let current = states;
  for (let step = 0; step < count; step++) {
    const now = new Map(alike);
    if (counter !== undefined) now.set(counter, integer(`step_${step}`, step));
    for (const [i, name] of stateInputs.entries()) now.set(name, current[i]);
    for (const { from, name, axis, reversed } of taken) {
      const at = integer('at', reversed ? count - 1 - step : step);
      now.set(name, emit('Gather', [from, at], rewriter.fresh(name), { axis }));
    }
    for (const name of body.nodes.flatMap(({ outputs }) => outputs)) {
      if (name !== '') now.set(name, rewriter.fresh(name));
    }
    const rename = (name: string) => now.get(name) ?? name;
    for (const copy of renamed(body, rename).nodes) {
      rewriter.nodes.push({ ...copy, name: rewriter.fresh(`${label}/${labelOf(copy)}`) });
    }
    current = results.slice(0, states.length).map(rename);
    given.forEach(({ name, axis, reversed }, i) => {
      const axes = integer('axes', axis, [1]);
      const element = emit('Unsqueeze', [rename(name), axes], rewriter.fresh(`${label}/element`));
      if (reversed) elements[i].unshift(element);
      else elements[i].push(element);
    });
  }
  node.outputs.forEach((to, i) => {
    if (to === '') return;
    if (i < states.length) emit('Identity', [current[i]], to);
    else emit('Concat', elements[i - states.length], to, { axis: given[i - states.length].axis });
  });
}
