import {
  freshName,
  type Graph,
  isFloat,
  type Model,
  type Node,
  renamed,
  type Tensor,
  valueNames,
} from '../onnx/index.ts';

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
  const own = new Set([...graph.inputs.map(({ name }) => name), ...initializers.keys()]);
  for (const { outputs } of graph.nodes) for (const name of outputs) own.add(name);
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

/**
 * The branch's nodes with its results under the node's names, and what else it computes under names that are free. Undefined where a
 * weight would need another name: it would no longer be found in the model that is exported.
 */
function inline(node: Node, branch: Graph, own: ReadonlySet<string>, taken: Set<string>): Graph | undefined {
  const results = new Map(branch.outputs.map(({ name }, i) => [name, node.outputs[i]]));
  const names = new Map<string, string>();
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
    const [from, to] = [rename(name), node.outputs[i]];
    if (from === to || to === '') return [];
    return [{ name: `${node.name}/${to}`, op: 'Identity', domain: '', inputs: [from], outputs: [to], attributes: {} }];
  });
  return { ...branch, nodes: [...nodes, ...passed], initializers };
}
