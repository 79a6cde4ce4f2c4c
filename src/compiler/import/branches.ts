import {
  capturedBy,
  freshName,
  type Graph,
  isFloat,
  type Model,
  type Node,
  ownNames,
  producersIn,
  readsOf,
  renamed,
  subgraphs,
  type Tensor,
  tensor,
  valueNames,
} from '../../onnx/index.ts';
import type { KnownValues } from './loops.ts';

/**
 * The model with the branch that is taken in place of every `If` whose condition is known, so that gradients can follow. Those inside
 * other subgraphs stay.
 *
 * @param constants contents of values that are known when compiling, beside initializers
 * @returns the model itself where there is none
 */
export function inlineBranches(model: Model, constants: ReadonlyMap<string, Tensor>): Model {
  const { graph } = model;
  const initializers = new Map(graph.initializers);
  const taken = valueNames(graph);
  const own = ownNames(graph);
  const nodes = graph.nodes.flatMap((node): Node[] => {
    const condition = node.op === 'If' && node.domain === '' ? node.inputs[0] : undefined;
    const known = condition === undefined ? undefined : (graph.initializers.get(condition) ?? constants.get(condition));
    const branch = known && node.attributes[known.data[0] ? 'then_branch' : 'else_branch'];
    const inlined = branch?.kind === 'graph' ? inline(node, branch.value, own, taken) : undefined;
    if (!inlined) return [node];
    for (const [name, contents] of inlined.initializers) initializers.set(name, contents);
    for (const name of [...inlined.initializers.keys(), ...inlined.nodes.flatMap(({ outputs }) => outputs)])
      own.add(name);
    return inlined.nodes;
  });
  if (nodes.length === graph.nodes.length && nodes.every((node, i) => node === graph.nodes[i])) return model;
  return { ...model, graph: { ...graph, nodes, initializers } };
}

/** Names that a branch's values take in the graph around it. */
interface Inlining {
  /** Of its results. */
  readonly results: readonly string[];
  /** Of values that it takes from outside, if others stand for them. */
  readonly captured?: ReadonlyMap<string, string>;
}

/**
 * The branch's nodes with its results under the given names, and what else it computes under names that are free. Undefined where a
 * weight would need another name: it would no longer be found in the model that is exported.
 */
function inline(
  node: Node,
  branch: Graph,
  own: ReadonlySet<string>,
  taken: Set<string>,
  { results: to, captured = new Map() }: Inlining = { results: node.outputs },
): Graph | undefined {
  const results = new Map(branch.outputs.map(({ name }, i) => [name, to[i]]));
  const names = new Map<string, string>(captured);
  const computed = branch.nodes.flatMap(({ outputs }) => outputs).filter((name) => name !== '');
  for (const name of computed) {
    if (results.has(name)) names.set(name, results.get(name)!);
    else if (own.has(name)) names.set(name, freshName(name, taken));
  }
  for (const [name, { type }] of branch.initializers) {
    if (!own.has(name)) continue;
    if (isFloat(type)) return undefined;
    names.set(name, freshName(name, taken));
  }
  const rename = (name: string) => names.get(name) ?? name;
  const { nodes, initializers } = renamed(branch, rename);
  // A result that the branch does not compute, but passes on, or gives twice.
  const passed = branch.outputs.flatMap(({ name }, i): Node[] => {
    const [from, as] = [rename(name), to[i]];
    return from === as || as === '' ? [] : [standard('Identity', [from], as, node.name)];
  });
  return { ...branch, nodes: [...nodes, ...passed], initializers };
}

const standard = (
  op: string,
  inputs: readonly string[],
  output: string,
  label: string,
  attributes: Node['attributes'] = {},
): Node => ({
  name: `${label}/${output}`,
  op,
  domain: '',
  inputs,
  outputs: [output],
  attributes,
});

/** What `Where` chooses from on the CPU. */
const CHOSEN = new Set(['float32', 'float64', 'int32', 'int64', 'uint8']);

/** A model in which both branches of an `If` are computed and one is chosen. */
export interface Selected {
  readonly model: Model;
  /** The first result of the `If`. */
  readonly node: string;
  /** The results of both branches, which have to be of one shape. */
  readonly results: readonly (readonly [string, string])[];
}

/**
 * The model with both branches in place of an `If` whose results are computed from data and weights, so that gradients can follow: the
 * condition chooses each result. The values that a branch takes from outside are ones if it is not the one that is taken, so that no
 * NaN of its own comes back with a gradient.
 *
 * @param stays names of the first results of those that stay
 * @returns undefined without such an `If`
 */
export function selectBranches(model: Model, known: KnownValues, stays: ReadonlySet<string>): Selected | undefined {
  const { graph } = model;
  const varying = varyingNames(graph, known.constants);
  for (const [at, node] of graph.nodes.entries()) {
    const { then_branch, else_branch } = node.attributes;
    if (node.op !== 'If' || node.domain !== '' || stays.has(node.outputs[0])) continue;
    if (then_branch?.kind !== 'graph' || else_branch?.kind !== 'graph') continue;
    const types = node.outputs.map((name) => known.values.get(name)?.type);
    if (!types.includes('float32') || !types.every((type) => type && CHOSEN.has(type))) continue;
    if (!dependsOnWeights(node, graph)) continue;
    const written = bothBranches(node, [then_branch.value, else_branch.value], graph, known, varying);
    if (!written) continue;
    const nodes = graph.nodes.flatMap((other, i) => (i === at ? written.nodes : [other]));
    return {
      model: { ...model, graph: { ...graph, nodes, initializers: written.initializers } },
      results: written.results,
      node: node.outputs[0],
    };
  }
  return undefined;
}

/** Names of the floats that are computed from data. */
function varyingNames({ inputs, initializers, nodes }: Graph, constants: ReadonlyMap<string, Tensor>): Set<string> {
  const varying = new Set(inputs.map(({ name }) => name).filter((name) => !initializers.has(name)));
  for (const node of nodes) {
    if (!readsOf(node).some((name) => varying.has(name))) continue;
    for (const output of node.outputs) if (output !== '' && !constants.has(output)) varying.add(output);
  }
  return varying;
}

/** Whether a node or one before it reads a float of several elements, its subgraphs included. */
export function dependsOnWeights(node: Node, graph: Graph): boolean {
  const producers = producersIn(graph.nodes);
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
      const contents = graph.initializers.get(name);
      if (contents && isWeight(contents)) return true;
      const producer = producers.get(name);
      if (producer) open.push(producer);
    }
  }
  return false;
}

/** Names of the values that a branch takes from outside. */
const capturedIn = (node: Node, branch: Graph): readonly string[] =>
  capturedBy({ ...node, inputs: [], attributes: { branch: { kind: 'graph', value: branch } } });

/** Both branches one after the other, and the choice; undefined where a weight could not keep its name. */
function bothBranches(
  node: Node,
  branches: readonly [Graph, Graph],
  graph: Graph,
  { values }: KnownValues,
  varying: ReadonlySet<string>,
) {
  const initializers = new Map(graph.initializers);
  const taken = valueNames(graph);
  const own = ownNames(graph);
  const label = node.name || node.outputs[0];
  const nodes: Node[] = [];
  const emit = (op: string, inputs: readonly string[], hint: string, attributes?: Node['attributes']): string => {
    const output = freshName(hint, taken);
    nodes.push(standard(op, inputs, output, label, attributes));
    own.add(output);
    return output;
  };
  // A whole number first, since a float with a name of its own may be a parameter.
  const whole = freshName(`${label}/constant`, taken);
  initializers.set(whole, tensor('int64', [], BigInt64Array.of(1n)));
  const one = emit('Cast', [whole], `${label}/one`, { to: { kind: 'int', value: 1 } });
  // Of one element, whatever its axes.
  const condition = emit('Squeeze', [node.inputs[0]], `${label}/condition`);
  const results = branches.map((branch, i) => {
    const side = i === 0 ? 'then' : 'else';
    const captured = new Map<string, string>();
    for (const name of capturedIn(node, branch)) {
      if (captured.has(name) || !varying.has(name) || values.get(name)?.type !== 'float32') continue;
      const inputs = i === 0 ? [condition, name, one] : [condition, one, name];
      captured.set(name, emit('Where', inputs, `${name}_${side}`));
    }
    const given = node.outputs.map((name) => freshName(`${name}_${side}`, taken));
    const inlined = inline(node, branch, own, taken, { results: given, captured });
    if (!inlined) return undefined;
    for (const [name, contents] of inlined.initializers) initializers.set(name, contents);
    for (const name of [...inlined.initializers.keys(), ...inlined.nodes.flatMap(({ outputs }) => outputs)])
      own.add(name);
    nodes.push(...inlined.nodes);
    return given;
  });
  const [then, other] = results;
  if (!then || !other) return undefined;
  node.outputs.forEach((name, i) => {
    nodes.push(standard('Where', [condition, then[i], other[i]], name, label));
  });
  return { nodes, initializers, results: then.map((name, i) => [name, other[i]] as const) };
}
