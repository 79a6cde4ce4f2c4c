import { ThawError } from '../errors.ts';
import {
  type GraphBuilder,
  isFloat,
  type Node,
  numbersOf,
  plainAttributes,
  type Tensor,
  type Value,
} from '../onnx/index.ts';
import { ruleFor } from './registry.ts';
import type { RuleContext } from './rule.ts';

/**
 * Appends to the builder's graph the gradients of a scalar with respect to some of its values: reverse-mode automatic
 * differentiation, node by node from the last to the first.
 *
 * @param loss a scalar of the graph
 * @param wanted names of values (parameters, usually); nothing that only others would need is emitted
 * @param known contents of values that are computed from constants and static shapes only
 * @returns the gradient of each wanted value that the loss depends on, of that value's shape
 * @throws ThawError `unsupported-operator` when a gradient has to pass through an operator without a rule
 */
export function differentiate(
  b: GraphBuilder,
  loss: Value,
  wanted: readonly string[],
  known: ReadonlyMap<string, Tensor> = new Map(),
): Map<string, Value> {
  const nodes = [...b.nodes];
  const active = dependents(nodes, wanted);
  const gradients = new Map<string, Value>([[loss.name, b.scalar(1, loss.type)]]);

  for (const node of nodes.reverse()) {
    if (!node.inputs.some((name) => active.has(name)) || !node.outputs.some((name) => gradients.has(name))) continue;
    const inputGradients = ruleFor(node)(ruleContext(b, node, gradients, known));
    node.inputs.forEach((name, i) => {
      const gradient = active.has(name) ? inputGradients[i]?.() : undefined;
      if (!gradient) return;
      const summed = b.sumTo(gradient, b.value(name).shape);
      const before = gradients.get(name);
      gradients.set(name, before ? b.add(before, summed) : summed);
    });
  }
  return new Map(wanted.flatMap((name) => (gradients.has(name) ? [[name, gradients.get(name)!]] : [])));
}

/** Names of all float values that depend on the given ones, these included. */
function dependents(nodes: readonly Node[], names: readonly string[]): Set<string> {
  const result = new Set(names);
  for (const node of nodes) {
    if (node.inputs.some((name) => result.has(name))) for (const output of node.outputs) result.add(output);
  }
  return result;
}

function ruleContext(
  b: GraphBuilder,
  node: Node,
  gradients: ReadonlyMap<string, Value>,
  known: ReadonlyMap<string, Tensor>,
): RuleContext {
  const value = (name: string) => (name === '' ? undefined : b.value(name)) as Value;
  const refuse = (why: string): never => {
    throw new ThawError(
      'unsupported-operator',
      `${node.op} node "${node.name || node.outputs[0]}" cannot be differentiated: ${why}`,
      'Freeze the layers before it (`thaw inspect` shows what can be trained)',
    );
  };
  const contents = (input: Value | undefined) => input && (known.get(input.name) ?? b.tensorOf(input));
  const outputs = node.outputs.map(value);
  return {
    b,
    node,
    inputs: node.inputs.map(value),
    outputs,
    dy: outputs.map((output) => {
      if (!output || !isFloat(output.type)) return undefined as unknown as Value;
      return gradients.get(output.name) ?? b.full(0, output);
    }),
    reached: node.outputs.map((name) => gradients.has(name)),
    attributes: plainAttributes(node),
    known: contents,
    constant: (input) => numbersOf(contents(input) ?? refuse(`its input "${input.name}" is not known when compiling`)),
    refuse,
  };
}
