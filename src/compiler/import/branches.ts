import {
  capturedIn,
  dataInputsOf,
  type Graph,
  GraphView,
  isFloat,
  labelOf,
  type Model,
  type Node,
  ownNames,
  Rewriter,
  readsOf,
  renamed,
  subgraph,
  subgraphs,
  type Tensor,
  tensor,
} from '../../onnx/index.ts';
import type { KnownValues } from './loops.ts';

/**
 * Replaces every `If` whose condition is known with the branch that is taken, so that gradients can pass. An `If` inside
 * another subgraph stays.
 *
 * @param constants contents of values that are known at compile time, in addition to initializers
 * @returns the same model if it has no such `If`
 */
export function inlineBranches(model: Model, constants: ReadonlyMap<string, Tensor>): Model {
  const { graph } = model;
  const view = new GraphView(graph, { constants });
  const rewriter = new Rewriter(graph);
  const own = ownNames(graph);
  let found = false;
  for (const node of graph.nodes) {
    const condition = node.op === 'If' && node.domain === '' ? view.constant(node.inputs[0]) : undefined;
    const branch = condition && subgraph(node, condition.data[0] ? 'then_branch' : 'else_branch');
    const isInlined = branch !== undefined && inline(node, branch, rewriter, own);
    if (!isInlined) rewriter.nodes.push(node);
    found ||= isInlined;
  }
  return found ? { ...model, graph: rewriter.graph } : model;
}

/** Names of a branch's values in the graph around it. */
interface Inlining {
  /** Of the branch's results. */
  readonly results: readonly string[];
  /** Of values from outside that other values stand for. */
  readonly captured?: ReadonlyMap<string, string>;
}

/**
 * Writes the branch's nodes with its results under the given names, and its other values under free names.
 *
 * @param own names of the graph around it; names that are written are added
 * @returns false if a weight would need another name, under which the exported model would not have it
 */
function inline(
  node: Node,
  branch: Graph,
  rewriter: Rewriter,
  own: Set<string>,
  { results: to, captured = new Map() }: Inlining = { results: node.outputs },
): boolean {
  const results = new Map(branch.outputs.map(({ name }, i) => [name, to[i]]));
  const names = new Map<string, string>(captured);
  const clashing = [...branch.initializers].filter(([name]) => own.has(name));
  if (clashing.some(([, { type }]) => isFloat(type))) return false;
  for (const name of branch.nodes.flatMap(({ outputs }) => outputs)) {
    if (name !== '' && results.has(name)) names.set(name, results.get(name)!);
    else if (name !== '' && own.has(name)) names.set(name, rewriter.fresh(name));
  }
  for (const [name] of clashing) names.set(name, rewriter.fresh(name));
  const rename = (name: string) => names.get(name) ?? name;
  const { nodes, initializers } = renamed(branch, rename);
  for (const inner of nodes) rewriter.nodes.push(inner);
  for (const [name, contents] of initializers) rewriter.initializers.set(name, contents);
  branch.outputs.forEach(({ name }, i) => {
    const [from, as] = [rename(name), to[i]];
    // A result that the branch passes through, or returns twice.
    if (from !== as && as !== '') rewriter.emit('Identity', [from], as, {}, { name: `${node.name}/${as}` });
  });
  for (const name of [...initializers.keys(), ...nodes.flatMap(({ outputs }) => outputs), ...to]) own.add(name);
  return true;
}

/** The types that `Where` supports on the CPU. */
const CHOSEN = new Set(['float32', 'float64', 'int32', 'int64', 'uint8']);

/** A model that computes both branches of an `If` and chooses one. */
export interface Selected {
  readonly model: Model;
  /** The first result of the `If`. */
  readonly node: string;
  /** The results of both branches, which must have the same shape. */
  readonly results: readonly (readonly [string, string])[];
}

/**
 * Replaces an `If` whose results depend on data and weights by both of its branches, so that gradients can pass: the
 * condition chooses each result. The branch that is not taken reads ones instead of values from outside, so that it cannot send a NaN
 * into a gradient.
 *
 * @param stays names of the first results of the `If` nodes to keep
 * @returns undefined without such an `If`
 */
export function selectBranches(model: Model, known: KnownValues, stays: ReadonlySet<string>): Selected | undefined {
  const { graph } = model;
  const view = new GraphView(graph);
  const varying = varyingNames(graph, known.constants);
  for (const node of graph.nodes) {
    if (node.op !== 'If' || node.domain !== '' || stays.has(node.outputs[0])) continue;
    const [then, otherwise] = ['then_branch', 'else_branch'].map((name) => subgraph(node, name));
    if (!then || !otherwise) continue;
    const types = node.outputs.map((name) => known.values.get(name)?.type);
    if (!types.includes('float32') || !types.every((type) => type && CHOSEN.has(type))) continue;
    if (!dependsOnWeights(node, view)) continue;
    const written = bothBranches(node, [then, otherwise], graph, known, varying);
    if (!written) continue;
    const { rewriter, results } = written;
    const nodes = graph.nodes.flatMap((other) => (other === node ? rewriter.nodes : [other]));
    return {
      model: { ...model, graph: { ...graph, nodes, initializers: rewriter.initializers } },
      results,
      node: node.outputs[0],
    };
  }
  return undefined;
}

/** Names of the floats that depend on data. */
function varyingNames(graph: Graph, constants: ReadonlyMap<string, Tensor>): Set<string> {
  const varying = new Set(dataInputsOf(graph).map(({ name }) => name));
  for (const node of graph.nodes) {
    if (!readsOf(node).some((name) => varying.has(name))) continue;
    for (const output of node.outputs) if (output !== '' && !constants.has(output)) varying.add(output);
  }
  return varying;
}

/** Whether a node or one before it reads a float of several elements, including inside subgraphs. */
export function dependsOnWeights(node: Node, view: GraphView): boolean {
  const isWeight = ({ type, shape }: Tensor) => isFloat(type) && shape.some((d) => d > 1);
  const holds = (inner: Graph): boolean =>
    [...inner.initializers.values()].some(isWeight) || inner.nodes.some((n) => subgraphs(n).some(holds));
  const seen = new Set<string>();
  const open = [node];
  for (let next = open.pop(); next; next = open.pop()) {
    if (subgraphs(next).some(holds)) return true;
    for (const name of readsOf(next)) {
      if (seen.has(name)) continue;
      seen.add(name);
      const contents = view.initializers.get(name);
      if (contents && isWeight(contents)) return true;
      const producer = view.producer(name);
      if (producer) open.push(producer);
    }
  }
  return false;
}

/** Both branches one after the other, and the choice; undefined if a weight could not keep its name. */
function bothBranches(
  node: Node,
  branches: readonly [Graph, Graph],
  graph: Graph,
  { values }: KnownValues,
  varying: ReadonlySet<string>,
) {
  const rewriter = new Rewriter(graph);
  const own = ownNames(graph);
  const label = labelOf(node);
  const write = (op: string, inputs: readonly string[], to: string, attributes = {}): string => {
    own.add(to);
    return rewriter.emit(op, inputs, to, attributes, { name: `${label}/${to}` });
  };
  // Starts from an integer, because a float with a name of its own may be a parameter.
  const whole = rewriter.constant(`${label}/constant`, tensor('int64', [], BigInt64Array.of(1n)));
  const one = write('Cast', [whole], rewriter.fresh(`${label}/one`), { to: 1 });
  // One element, whatever the condition's axes.
  const condition = write('Squeeze', [node.inputs[0]], rewriter.fresh(`${label}/condition`));
  const results = branches.map((branch, i) => {
    const side = i === 0 ? 'then' : 'else';
    const captured = new Map<string, string>();
    for (const name of capturedIn(branch)) {
      if (captured.has(name) || !varying.has(name) || values.get(name)?.type !== 'float32') continue;
      const inputs = i === 0 ? [condition, name, one] : [condition, one, name];
      captured.set(name, write('Where', inputs, rewriter.fresh(`${name}_${side}`)));
    }
    const given = node.outputs.map((name) => rewriter.fresh(`${name}_${side}`));
    return inline(node, branch, rewriter, own, { results: given, captured }) ? given : undefined;
  });
  const [then, other] = results;
  if (!then || !other) return undefined;
  for (const [i, name] of node.outputs.entries()) write('Where', [condition, then[i], other[i]], name);
  return { rewriter, results: then.map((name, i) => [name, other[i]] as const) };
}
