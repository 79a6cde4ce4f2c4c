import { type GraphBuilder, inOrder, plainAttributes } from '../../onnx/index.ts';
import { ADJOINT_DOMAIN } from '../autodiff/index.ts';
import { FAMILIES } from './families.ts';
import type { AdjointCall, Candidate, Machine } from './lowering.ts';

/** Picks one of the ways to write an adjoint. */
export type Choose = (call: AdjointCall, candidates: readonly Candidate[]) => Candidate;

/** The first that suits, by the rules measured on the CPU provider. */
export const preferred: Choose = (_, candidates) => candidates.find(({ suits }) => suits) ?? candidates.at(-1)!;

/**
 * Replaces every adjoint node of the builder's graph by standard operators (and `com.microsoft` ones of the stock build).
 *
 * @param keep values that are to keep their names, such as the graph's outputs
 */
export function lower(
  b: GraphBuilder,
  keep: readonly string[],
  { choose = preferred, machine = {} }: { readonly choose?: Choose; readonly machine?: Machine } = {},
): void {
  const nodes = b.nodes;
  const replaced = new Map<string, string>();
  const renamed = new Map<string, string>();
  const kept = new Set(keep);
  b.nodes = [];
  for (const node of nodes) {
    const inputs = node.inputs.map((name) => replaced.get(name) ?? name);
    if (node.domain !== ADJOINT_DOMAIN) {
      b.append({ ...node, inputs });
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
    if (fresh && !renamed.has(result.name)) renamed.set(result.name, output);
    else b.append({ ...IDENTITY, name: `Identity/${output}`, inputs: [result.name], outputs: [output] });
  }
  b.domains.delete(ADJOINT_DOMAIN);
  const rename = (name: string) => renamed.get(name) ?? name;
  // A lowering that emits a node which the graph already has further down is given that one, so it has to move up.
  b.nodes = inOrder(
    b.nodes.map((node) => ({ ...node, inputs: node.inputs.map(rename), outputs: node.outputs.map(rename) })),
  );
}

const IDENTITY = { op: 'Identity', domain: '', attributes: {} };
