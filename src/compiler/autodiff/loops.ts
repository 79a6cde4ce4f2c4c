import {
  type Dimension,
  type Graph,
  type GraphBuilder,
  isFloat,
  liveNodes,
  makeNode,
  type Node,
  readsOf,
  subgraph,
  type Typed,
  toAttributes,
  type Value,
} from '../../onnx/index.ts';
import { UnsupportedOperator } from './unsupported.ts';

/** From the gradients of some results of nodes to the gradients of all values behind those results. */
type Backpropagate = (
  nodes: readonly Node[],
  seeds: ReadonlyMap<string, Value>,
  wanted: readonly string[],
  recall: (value: Value) => Value,
) => ReadonlyMap<string, Value>;

interface Loop {
  readonly body: Graph;
  /** The body's names for the step number and for its states. */
  readonly counter: string;
  readonly states: readonly string[];
  /** The body's results: the states' next values, then one element of each list. */
  readonly next: readonly string[];
  readonly elements: readonly string[];
  /** Names of all values that the body computes or receives. */
  readonly inner: ReadonlySet<string>;
}

const loopOf = (b: GraphBuilder, node: Node): Loop => {
  const body = subgraph(node, 'body');
  if (!body) throw new UnsupportedOperator(node, 'it has no body');
  const [counter, , ...states] = body.inputs.map(({ name }) => name);
  const [, ...results] = body.outputs.map(({ name }) => name);
  const inner = new Set([
    counter,
    ...states,
    ...body.nodes.flatMap(({ outputs }) => outputs.filter((name) => name !== '')),
  ]);
  if (![...inner].every((name) => b.has(name))) {
    throw new UnsupportedOperator(node, 'the shapes inside are not known, or they change from step to step');
  }
  return {
    body,
    counter,
    states,
    next: results.slice(0, states.length),
    elements: results.slice(states.length),
    inner,
  };
};

/**
 * The gradients of a `Loop`: a second loop that runs through the steps in reverse. Each step reads the values of its forward step and
 * passes the states' gradients one step back. Gradients of values that all steps read are summed. A loop that also
 * returns the values needed here replaces the first one.
 *
 * @param reads active values that the loop reads
 * @param gradients of its results
 */
export function loopGradients(
  b: GraphBuilder,
  node: Node,
  reads: readonly string[],
  gradients: ReadonlyMap<string, Value>,
  backpropagate: Backpropagate,
): (readonly [string, Value])[] {
  const loop = loopOf(b, node);
  const initial = node.inputs.slice(2);
  const isSmooth = (name: string) => isFloat(b.value(name).type);
  const carried = loop.states.map((_, i) => i).filter((i) => isSmooth(loop.states[i]));
  const captured = [...new Set([...loop.body.nodes.flatMap(readsOf), ...loop.next, ...loop.elements])].filter(
    (name) => reads.includes(name) && isSmooth(name),
  );
  const remembered = new Remembered(b, node, loop);
  const gradientOf = (name: string, like: Value) => gradients.get(name) ?? b.full(0, like);
  const ends = carried.map((i) => gradientOf(node.outputs[i], b.value(initial[i])));
  const sums = captured.map((name) => b.full(0, b.value(name)));
  const lists = loop.elements.flatMap((name, i) => {
    const gradient = gradients.get(node.outputs[loop.states.length + i]);
    return gradient ? [{ name, gradient }] : [];
  });
  const { trips, last } = remembered;

  const { results, read } = emitLoop(b, trips, [...ends, ...sums], (step, given) => {
    const at = b.sub(last, step);
    const recall = (value: Value) => remembered.recall(value, at);
    const seeds = new Map<string, Value>();
    const seed = (name: string, gradient: Value) => {
      const before = seeds.get(name);
      seeds.set(name, before ? b.add(before, gradient) : gradient);
    };
    carried.forEach((i, k) => {
      seed(loop.next[i], given[k]);
    });
    for (const { name, gradient } of lists) seed(name, b.gather(gradient, at, 0));
    const wanted = [...carried.map((i) => loop.states[i]), ...captured];
    const found = backpropagate(loop.body.nodes, seeds, wanted, recall);
    const back = carried.map((i, k) => found.get(loop.states[i]) ?? b.full(0, given[k]));
    const added = captured.map((name, k) => {
      const sum = given[carried.length + k];
      const gradient = found.get(name);
      return gradient ? b.add(sum, b.sumTo(gradient, sum.shape)) : sum;
    });
    return { states: [...back, ...added] };
  });
  remembered.place(read);
  return [
    ...carried.map((i, k) => [initial[i], results[k]] as const),
    ...captured.map((name, k) => [name, results[carried.length + k]] as const),
  ].filter(([name]) => reads.includes(name));
}

/** Results of one step: the states' next values, and one element of each list. */
interface StepResults {
  readonly states: readonly Value[];
  readonly elements?: readonly Value[];
}

/**
 * Emits a `Loop`.
 *
 * @param trips the number of steps, an int64 scalar
 * @param body emits a step, given its number, an int64 scalar
 * @param length of the lists
 * @returns the states' last values, the lists, and the names of all values that the body reads
 */
export function emitLoop(
  b: GraphBuilder,
  trips: Value,
  states: readonly Value[],
  body: (step: Value, states: readonly Value[]) => StepResults,
  length: Dimension = b.unique('steps'),
): { readonly results: readonly Value[]; readonly lists: readonly Value[]; readonly read: ReadonlySet<string> } {
  const name = b.unique('loop');
  const step = b.input(b.unique(`${name}/step`), 'int64', []);
  const runs = b.input(b.unique(`${name}/runs`), 'bool', []);
  const given = states.map(({ type, shape }) => b.input(b.unique(`${name}/state`), type, shape));
  const inside = b.within(() => {
    const { states: next, elements = [] } = body(step, given);
    // The body must compute each result, and must return it once only.
    const copy = (value: Value, i: number) => b.identity(value, `${name}/result_${i}`);
    return {
      next: next.map(copy),
      elements: elements.map((value, i) => copy(value, next.length + i)),
      after: b.identity(runs),
    };
  });
  const { next, elements, after } = inside.result;
  const outputs = [after, ...next, ...elements];
  const nodes = liveNodes(
    inside.nodes,
    outputs.map((value) => value.name),
  );
  const info = ({ name: of, type, shape }: Value) => ({ name: of, type, shape });
  const graph: Graph = {
    name,
    nodes,
    inputs: [step, runs, ...given].map(info),
    outputs: outputs.map(info),
    initializers: new Map(),
    valueInfo: [],
  };
  const typed = [...states, ...elements.map(({ type, shape }) => ({ type, shape: [length, ...shape] }))];
  const results = b.emit('Loop', [trips, undefined, ...states], typed, { body: graph });
  return {
    results: results.slice(0, states.length),
    lists: results.slice(states.length),
    read: new Set(nodes.flatMap(readsOf)),
  };
}

/** Values of each step of a loop. The loop returns them as additional lists. */
class Remembered {
  /** The number of steps that the loop ran, and the number of the last step. */
  readonly trips: Value;
  readonly last: Value;
  private readonly lists = new Map<string, Value>();
  private readonly length: string;

  constructor(
    private readonly b: GraphBuilder,
    private readonly node: Node,
    private readonly loop: Loop,
  ) {
    this.length = b.unique('steps');
    const steps = this.declare(loop.counter, { type: 'int64', shape: [] });
    this.trips = b.emit('Squeeze', [b.shapeOf(steps)], [{ type: 'int64', shape: [] }])[0];
    this.last = b.sub(this.trips, 1);
  }

  /** The value that the body computed in a step. */
  recall(value: Value, at: Value): Value {
    const { b, loop } = this;
    if (value.name === loop.counter) return at;
    if (!loop.inner.has(value.name)) return value;
    const list = this.lists.get(value.name) ?? this.declare(value.name, value);
    return b.gather(list, at, 0);
  }

  private declare(name: string, { type, shape }: Typed): Value {
    const { b } = this;
    const list = b.declare({ name: b.unique(`${name}/steps`), type, shape: [this.length, ...shape] });
    this.lists.set(name, list);
    return list;
  }

  /** Replaces the loop with one that also returns the lists that are read, and the list of step numbers. */
  place(read: ReadonlySet<string>): void {
    const { b, node, loop } = this;
    const lists = [...this.lists].filter(([name, list]) => name === loop.counter || read.has(list.name));
    const copies = lists.map(([name, list]) =>
      makeNode('Identity', [name], [b.unique(`${name}/step`)], {}, { name: list.name }),
    );
    const body: Graph = {
      ...loop.body,
      nodes: [...loop.body.nodes, ...copies],
      outputs: [...loop.body.outputs, ...copies.map(({ outputs: [name] }) => ({ name }))],
    };
    const longer: Node = {
      ...node,
      outputs: [...node.outputs, ...lists.map(([, { name }]) => name)],
      attributes: toAttributes({ ...node.attributes, body }),
    };
    b.nodes = b.nodes.map((other) => (other === node ? longer : other));
  }
}
