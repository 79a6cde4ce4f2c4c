import {
  type Graph,
  type GraphBuilder,
  inOrder,
  makeNode,
  plainAttributes,
  renamed,
  withSubgraphs,
} from '../../onnx/index.ts';
import { ADJOINT_DOMAIN } from '../autodiff/index.ts';
import { FAMILIES } from './families.ts';
import type { AdjointCall, Candidate, Machine } from './lowering.ts';

/** Picks one of the ways to write an adjoint. */
export type Choose = (call: AdjointCall, candidates: readonly Candidate[]) => Candidate;

/** The first that suits, by the rules measured on the CPU provider. */
export const preferred: Choose = (_, candidates) => candidates.find(({ suits }) => suits) ?? candidates.at(-1)!;

interface LowerOptions {
  readonly choose?: Choose;
  readonly machine?: Machine;
}

/**
 * Replaces every adjoint node of the builder's graph by standard operators (and `com.microsoft` operators of the stock build).
 *
 * @param keep values that keep their names, such as the graph's outputs
 */
export function lower(b: GraphBuilder, keep: readonly string[], options: LowerOptions = {}): void {
  const { choose = preferred, machine = {} } = options;
  const nodes = b.nodes;
  const replaced = new Map<string, string>();
  const kept = new Set(keep);
  const named = new Map<string, string>();
  b.nodes = [];
  /** A subgraph, lowered; it reads outer values by their new names. */
  const inside = (graph: Graph): Graph => {
    const { nodes } = b.within(() => {
      b.nodes = renamed(graph, (name) => replaced.get(name) ?? name).nodes;
      lower(
        b,
        graph.outputs.map(({ name }) => name),
        options,
      );
    });
    return { ...graph, nodes };
  };
  for (const node of nodes) {
    const inputs = node.inputs.map((name) => replaced.get(name) ?? name);
    if (node.domain !== ADJOINT_DOMAIN) {
      b.append({ ...withSubgraphs(node, inside), inputs });
      continue;
    }
    const values = inputs.map((name) => b.value(name));
    const call = { op: node.op, inputs: values, attributes: plainAttributes(node), machine };
    const before = b.nodes.length;
    const result = choose(call, FAMILIES[node.op](call)).emit(b);
    const [output] = node.outputs;
    replaced.set(output, result.name);
    if (!kept.has(output)) continue;
    const fresh = b.nodes.slice(before).some(({ outputs }) => outputs.includes(result.name));
    if (fresh && !named.has(result.name)) named.set(result.name, output);
    else b.append(makeNode('Identity', [result.name], [output]));
  }
  b.domains.delete(ADJOINT_DOMAIN);
  const rename = (name: string) => named.get(name) ?? name;
  // A lowering may reuse an identical node from further down, which then has to move up.
  b.nodes = inOrder(
    b.nodes.map((node) => ({
      ...(named.size ? withSubgraphs(node, (graph) => renamed(graph, rename)) : node),
      inputs: node.inputs.map(rename),
      outputs: node.outputs.map(rename),
    })),
  );
}
