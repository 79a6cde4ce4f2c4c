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
  const seeds = new Map([[loss.name, b.scalar(1, loss.type)]]);
  const gradients = backpropagate({ b, known, nodes: [...b.nodes], active: dependents(b.nodes, wanted) }, seeds);
  return new Map(wanted.flatMap((name) => (gradients.has(name) ? [[name, gradients.get(name)!]] : [])));
}

interface Pass {
  readonly b: GraphBuilder;
  readonly known: ReadonlyMap<string, Tensor>;
  readonly nodes: readonly Node[];
  /** Values whose gradients are wanted, and all that depend on them. */
  readonly active: ReadonlySet<string>;
}

/** From the gradients of some results of the nodes to those of all that they were computed from. */
function backpropagate(pass: Pass, seeds: ReadonlyMap<string, Value>): Map<string, Value> {
  const { b, nodes, active } = pass;
  const gradients = new Map(seeds);
  for (const node of [...nodes].reverse()) {
    if (!node.inputs.some((name) => active.has(name)) || !node.outputs.some((name) => gradients.has(name))) continue;
    const inputGradients = ruleFor(node)(ruleContext(pass, node, gradients));
    node.inputs.forEach((name, i) => {
      const gradient = active.has(name) ? inputGradients[i]?.() : undefined;
      if (gradient) accumulate(b, gradients, name, b.sumTo(gradient, b.value(name).shape));
    });
  }
  return gradients;
}

function accumulate(b: GraphBuilder, gradients: Map<string, Value>, name: string, gradient: Value): void {
  const before = gradients.get(name);
  gradients.set(name, before ? b.add(before, gradient) : gradient);
}

/** Names of all float values that depend on the given ones, these included. */
function dependents(nodes: readonly Node[], names: readonly string[]): Set<string> {
  const result = new Set(names);
  for (const node of nodes) {
    if (node.inputs.some((name) => result.has(name))) for (const output of node.outputs) result.add(output);
  }
  return result;
}

function ruleContext(pass: Pass, node: Node, gradients: ReadonlyMap<string, Value>): RuleContext {
  const { b, known, active } = pass;
  const value = (name: string) => (name === '' ? undefined : b.value(name)) as Value;
  const refuse = (why: string): never => {
    throw new ThawError(
      'unsupported-operator',
      `${node.op} node "${node.name || node.outputs[0]}" cannot be differentiated: ${why}`,
      'Freeze the layers before it (`thaw inspect` shows what can be trained)',
    );
  };
  const contents = (input: Value | undefined) => input && (known.get(input.name) ?? b.tensorOf(input));
  const inputs = node.inputs.map(value);
  const outputs = node.outputs.map(value);
  const reached = node.outputs.map((name) => gradients.has(name));
  const dy = outputs.map((output) => {
    if (!output || !isFloat(output.type)) return undefined as unknown as Value;
    return gradients.get(output.name) ?? b.full(0, output);
  });
  return {
    b,
    node,
    inputs,
    outputs,
    dy,
    reached,
    attributes: plainAttributes(node),
    known: contents,
    constant: (input) => numbersOf(contents(input) ?? refuse(`its input "${input.name}" is not known when compiling`)),
    composed: (compute) => {
      // Copies under new names: all that is computed from them is new, and lies between them and the results.
      const copies = inputs.map((input) => input && b.identity(input, `${input.name}.copy`));
      const solve = () => {
        const before = b.nodes.length;
        const results = compute(copies);
        const nodes = b.nodes.slice(before);
        const seeds = new Map<string, Value>();
        results.forEach((result, i) => {
          if (result && reached[i]) accumulate(b, seeds, result.name, dy[i]);
        });
        const wanted = copies.filter((_, i) => active.has(node.inputs[i])).map(({ name }) => name);
        return backpropagate({ b, known, nodes, active: dependents(nodes, wanted) }, seeds);
      };
      let solved: Map<string, Value> | undefined;
      return inputs.map((input, i) => () => {
        solved ??= solve();
        return solved.get(copies[i].name) ?? b.full(0, input);
      });
    },
    refuse,
  };
}
