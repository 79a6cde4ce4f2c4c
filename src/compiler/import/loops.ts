import {
  type Attribute,
  freshName,
  type Graph,
  isFloat,
  type Model,
  type Node,
  numbersOf,
  ownNames,
  producersIn,
  renamed,
  type Tensor,
  type Typed,
  tensor,
  throughIdentity,
  valueNames,
} from '../../onnx/index.ts';

/** A loop of more steps than this stays as it is. */
export const MOST_STEPS = 128;
/** So does one with which the graph would have more nodes than this. */
const MOST_NODES = 20_000;

/** What is known of the values of a model when compiling. */
export interface KnownValues {
  readonly values: ReadonlyMap<string, Typed>;
  readonly constants: ReadonlyMap<string, Tensor>;
}

/** A loop, seen as `Scan` and `Loop` have it in common: states that go from step to step, elements that each step takes and gives. */
interface Steps {
  readonly count: number;
  readonly body: Graph;
  /** Values of the first step's states, and the names that the body has for them. */
  readonly states: readonly string[];
  readonly stateInputs: readonly string[];
  /** Names that the body has for what is the same in every step. */
  readonly fixed: ReadonlyMap<string, Tensor>;
  /** The body's name for the number of the step. */
  readonly counter?: string;
  readonly taken: readonly Sliced[];
  /** The body's results: states first. */
  readonly results: readonly string[];
  readonly given: readonly Omit<Sliced, 'from'>[];
}

/** A value of which every step has one element: slices along an axis, in order or from the end. */
interface Sliced {
  /** Outside the body, where steps take it from. */
  readonly from: string;
  readonly name: string;
  readonly axis: number;
  readonly reversed: boolean;
}

/**
 * The model with the steps of every `Loop` and `Scan` written out whose number is known and no more than `MOST_STEPS`, so that gradients
 * can follow. A `Loop` has to run through: its condition may not be computed. Those inside other subgraphs stay.
 *
 * @returns the model itself where there is none
 */
export function unrollLoops(model: Model, known: KnownValues): Model {
  const { graph } = model;
  const initializers = new Map(graph.initializers);
  const names = valueNames(graph);
  const own = ownNames(graph);
  let count = graph.nodes.length;
  const nodes = graph.nodes.flatMap((node): Node[] => {
    const steps = stepsOf(node, known, graph.initializers);
    const added = steps ? steps.count * steps.body.nodes.length : 0;
    const shared = steps && count + added <= MOST_NODES ? sharedNames(steps.body, own, names) : undefined;
    if (!steps || !shared) return [node];
    count += added;
    for (const [name, as] of shared) initializers.set(as, steps.body.initializers.get(name)!);
    for (const as of shared.values()) own.add(as);
    return writtenOut(node, steps, shared, names, initializers);
  });
  const unchanged = nodes.length === graph.nodes.length && nodes.every((node, i) => node === graph.nodes[i]);
  return unchanged ? model : { ...model, graph: { ...graph, nodes, initializers } };
}

function stepsOf(node: Node, known: KnownValues, initializers: ReadonlyMap<string, Tensor>): Steps | undefined {
  const body = node.attributes.body;
  if (node.domain !== '' || body?.kind !== 'graph') return undefined;
  const contents = (name: string) => initializers.get(name) ?? known.constants.get(name);
  const steps =
    node.op === 'Loop'
      ? loop(node, body.value, contents)
      : node.op === 'Scan'
        ? scan(node, body.value, known)
        : undefined;
  return steps && steps.count >= 1 && steps.count <= MOST_STEPS ? steps : undefined;
}

function loop(node: Node, body: Graph, contents: (name: string) => Tensor | undefined): Steps | undefined {
  const [trips, condition, ...states] = node.inputs;
  const [counter, before, ...stateInputs] = body.inputs.map(({ name }) => name);
  const [after, ...results] = body.outputs.map(({ name }) => name);
  const isTrue = (known: Tensor | undefined) => known !== undefined && Boolean(known.data[0]);
  const limit = trips ? contents(trips) : undefined;
  if (!limit || (condition && !isTrue(contents(condition)))) return undefined;
  const source = throughIdentity(after, producersIn(body.nodes));
  if (source !== before && !isTrue(body.initializers.get(source) ?? contents(source))) return undefined;
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

function scan({ inputs, attributes }: Node, body: Graph, { values }: KnownValues): Steps | undefined {
  const several = Number(attributes.num_scan_inputs?.value ?? 0);
  const count = inputs.length - several;
  const results = body.outputs.map(({ name }) => name);
  const axisOf = (list: Attribute | undefined, i: number, rank: number) => {
    const at = list?.kind === 'ints' ? Number(list.value[i] ?? 0) : 0;
    return at < 0 ? at + rank : at;
  };
  const isReversed = (list: Attribute | undefined, i: number) => list?.kind === 'ints' && Number(list.value[i]) === 1;
  const { scan_input_axes, scan_input_directions, scan_output_axes, scan_output_directions } = attributes;
  const taken = inputs.slice(count).map((from, i) => ({
    from,
    name: body.inputs[count + i].name,
    axis: axisOf(scan_input_axes, i, values.get(from)?.shape.length ?? 0),
    reversed: isReversed(scan_input_directions, i),
  }));
  const length = taken.length ? values.get(taken[0].from)?.shape[taken[0].axis] : undefined;
  // A negative axis of a result would need its rank, which the body need not declare.
  const given = results.slice(count).map((name, i) => ({
    name,
    axis: axisOf(scan_output_axes, i, Number.NaN),
    reversed: isReversed(scan_output_directions, i),
  }));
  if (typeof length !== 'number' || given.some(({ axis }) => Number.isNaN(axis))) return undefined;
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

/** The names of the body's initializers in the graph around it. Undefined where a weight could not keep its own. */
function sharedNames(body: Graph, own: ReadonlySet<string>, names: Set<string>): Map<string, string> | undefined {
  const shared = new Map<string, string>();
  for (const [name, { type }] of body.initializers) {
    if (own.has(name) && isFloat(type)) return undefined;
    shared.set(name, own.has(name) ? freshName(name, names) : name);
  }
  return shared;
}

function writtenOut(
  node: Node,
  { count, body, states, stateInputs, fixed, counter, taken, results, given }: Steps,
  shared: ReadonlyMap<string, string>,
  names: Set<string>,
  initializers: Map<string, Tensor>,
): Node[] {
  const written: Node[] = [];
  const label = node.name || node.outputs[0];
  const constant = (hint: string, contents: Tensor): string => {
    const name = freshName(`${label}/${hint}`, names);
    initializers.set(name, contents);
    return name;
  };
  const emit = (op: string, inputs: readonly string[], to: string, attributes: Node['attributes'] = {}): string => {
    written.push({ name: `${label}/${to}`, op, domain: '', inputs, outputs: [to], attributes });
    return to;
  };
  const along = (axis: number): Node['attributes'] => ({ axis: { kind: 'int', value: axis } });
  const integer = (value: number, shape: readonly number[]) => tensor('int64', shape, BigInt64Array.of(BigInt(value)));
  const alike = new Map([
    ...shared,
    ...[...fixed].map(([name, contents]) => [name, constant(name, contents)] as const),
  ]);
  const elements: string[][] = given.map(() => []);
  let current = states;
  for (let step = 0; step < count; step++) {
    const now = new Map(alike);
    if (counter !== undefined) now.set(counter, constant(`step_${step}`, integer(step, [])));
    for (const [i, name] of stateInputs.entries()) now.set(name, current[i]);
    for (const { from, name, axis, reversed } of taken) {
      const at = constant('at', integer(reversed ? count - 1 - step : step, []));
      now.set(name, emit('Gather', [from, at], freshName(name, names), along(axis)));
    }
    for (const name of body.nodes.flatMap(({ outputs }) => outputs)) {
      if (name !== '') now.set(name, freshName(name, names));
    }
    const rename = (name: string) => now.get(name) ?? name;
    for (const copy of renamed(body, rename).nodes) {
      written.push({ ...copy, name: freshName(`${label}/${copy.name || copy.outputs[0]}`, names) });
    }
    current = results.slice(0, states.length).map(rename);
    given.forEach(({ name, axis, reversed }, i) => {
      const axes = constant('axes', integer(axis, [1]));
      const element = emit('Unsqueeze', [rename(name), axes], freshName(`${label}/element`, names));
      if (reversed) elements[i].unshift(element);
      else elements[i].push(element);
    });
  }
  node.outputs.forEach((to, i) => {
    if (to === '') return;
    if (i < states.length) emit('Identity', [current[i]], to);
    else emit('Concat', elements[i - states.length], to, along(given[i - states.length].axis));
  });
  return written;
}
