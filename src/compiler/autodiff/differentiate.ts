import {
  capturedBy,
  type GraphBuilder,
  isFloat,
  type Node,
  numbersOf,
  plainAttributes,
  readsOf,
  type Tensor,
  type Value,
} from '../../onnx/index.ts';
import { loopGradients } from './loops.ts';
import type { Recall } from './recompute.ts';
import { differentiability, ruleFor } from './registry.ts';
import type { RuleContext } from './rule.ts';
import { UnsupportedOperator } from './unsupported.ts';

export interface DifferentiateOptions {
  /** Contents of values that are computed from constants and static shapes only. */
  readonly known?: ReadonlyMap<string, Tensor>;
  /** Called for an operator without a gradient on a path that needs one. Throws by default; if it returns, the gradient is zero. */
  readonly refused?: (error: UnsupportedOperator) => void;
  /** Gives rules the values of the forward pass. By default they are kept in memory until then. */
  readonly recall?: Recall;
}

/**
 * Appends to the builder's graph the gradients of a scalar with respect to some of its values: reverse-mode automatic
 * differentiation, node by node from the last to the first.
 *
 * @param loss a scalar of the graph
 * @param wanted names of values (usually parameters); only the nodes that these need are emitted
 * @returns the gradient of each wanted value that the loss depends on, of that value's shape
 * @throws ThawError `unsupported-operator` when a gradient has to pass through an operator without a rule
 */
export function differentiate(
  b: GraphBuilder,
  loss: Value,
  wanted: readonly string[],
  { known = new Map(), refused = raise, recall = keep }: DifferentiateOptions = {},
): Map<string, Value> {
  const seeds = new Map([[loss.name, b.scalar(1, loss.type)]]);
  const nodes = [...b.nodes];
  const gradients = backpropagate({ b, known, nodes, active: dependents(b, nodes, wanted), refused, recall }, seeds);
  return new Map(wanted.flatMap((name) => (gradients.has(name) ? [[name, gradients.get(name)!]] : [])));
}

const keep: Recall = (value) => value;

const raise = (error: UnsupportedOperator): never => {
  throw error;
};

interface Pass {
  readonly b: GraphBuilder;
  readonly known: ReadonlyMap<string, Tensor>;
  readonly nodes: readonly Node[];
  /** Values whose gradients are wanted, and all values that depend on them. */
  readonly active: ReadonlySet<string>;
  readonly refused: (error: UnsupportedOperator) => void;
  readonly recall: Recall;
}

/** From the gradients of some results of the nodes to the gradients of all values behind those results. */
function backpropagate(pass: Pass, seeds: ReadonlyMap<string, Value>): Map<string, Value> {
  const { b, nodes, active } = pass;
  const gradients = new Map(seeds);
  for (const node of [...nodes].reverse()) {
    const reads = readsOf(node).filter((name) => active.has(name));
    if (!reads.length || !node.outputs.some((name) => gradients.has(name))) continue;
    for (const [name, gradient] of gradientsOf(pass, node, reads, gradients)) accumulate(b, gradients, name, gradient);
  }
  return gradients;
}

/** The gradients of the active inputs of a node. If the node has none, `refused` is called and the gradients are zero. */
function gradientsOf(
  pass: Pass,
  node: Node,
  reads: readonly string[],
  gradients: ReadonlyMap<string, Value>,
): (readonly [string, Value])[] {
  const { b, active, refused } = pass;
  try {
    if (isLoop(node)) {
      return loopGradients(b, node, reads, gradients, (nodes, seeds, wanted, recall) =>
        backpropagate({ ...pass, nodes, active: dependents(b, nodes, wanted), refused: raise, recall }, seeds),
      );
    }
    const captured = capturedBy(node).find((name) => active.has(name));
    if (captured !== undefined)
      throw new UnsupportedOperator(node, `it takes "${captured}" into its subgraph, which no gradient enters`);
    if (node.op !== 'DequantizeLinear' && standsForFloat(b, active, node) !== undefined)
      throw new UnsupportedOperator(node, 'it computes with integers');
    const inputGradients = ruleFor(node)(ruleContext(pass, node, gradients));
    return node.inputs.flatMap((name, i) => {
      const gradient = inputGradients[i];
      if (!active.has(name) || gradient === 'zero') return [];
      if (!gradient) throw new UnsupportedOperator(node, `the rule gives no gradient to its input "${name}"`);
      return [[name, b.sumTo(gradient(), b.value(name).shape)] as const];
    });
  } catch (error) {
    refused(asRefusal(error as Error, node));
    // Sequences and optionals have no zeros, so nothing before them gets a gradient.
    const floats = reads.filter((name) => b.has(name));
    return floats.map((name) => [name, b.full(0, b.value(name), gradientType(b.value(name)))] as const);
  }
}

/** Turns a builder's error (usually an unknown size) into a refusal that names the node. */
function asRefusal(error: Error, node: Node): UnsupportedOperator {
  if (error instanceof UnsupportedOperator && error.node === node) return error;
  return new UnsupportedOperator(node, error.message, { cause: error });
}

/** The type of a gradient: float32 if the value is an integer that stands for a float. */
const gradientType = ({ type }: Value) => (isFloat(type) ? type : 'float32');

function accumulate(b: GraphBuilder, gradients: Map<string, Value>, name: string, gradient: Value): void {
  const before = gradients.get(name);
  gradients.set(name, before ? b.add(before, gradient) : gradient);
}

/**
 * Names of the given values and of all values that may change smoothly with them. A gradient stops at operators of derivative zero, and
 * at integers (indices) that an operator with a rule computes. Every other result counts (floats, sequences, results of
 * operators without a rule), so that no gradient is lost silently on its way to the loss.
 */
export function dependents(b: GraphBuilder, nodes: readonly Node[], names: readonly string[]): Set<string> {
  const result = new Set(names);
  for (const node of nodes) {
    const kind = differentiability(node.op, node.domain);
    if (kind === 'zero' || !readsOf(node).some((name) => result.has(name))) continue;
    const all =
      (kind === 'none' && !isLoop(node)) ||
      node.op === 'QuantizeLinear' ||
      standsForFloat(b, result, node) !== undefined;
    for (const output of node.outputs) {
      if (output !== '' && (all || !b.has(output) || isFloat(b.value(output).type))) result.add(output);
    }
  }
  return result;
}

const isLoop = ({ op, domain }: Node): boolean => op === 'Loop' && domain === '';

/** An integer input that stands for a float with a gradient. */
const standsForFloat = (b: GraphBuilder, active: ReadonlySet<string>, { inputs }: Node): string | undefined =>
  inputs.find((name) => active.has(name) && b.has(name) && !isFloat(b.value(name).type));

function ruleContext(pass: Pass, node: Node, gradients: ReadonlyMap<string, Value>): RuleContext {
  const { b, known, active, recall } = pass;
  const trigger = node.outputs.map((name) => gradients.get(name)).find((gradient) => gradient !== undefined);
  const value = (name: string) => (name === '' ? undefined : recall(b.value(name), trigger)) as Value;
  const refuse = (why: string): never => {
    throw new UnsupportedOperator(node, why);
  };
  const contents = (input: Value | undefined) => input && (known.get(input.name) ?? b.tensorOf(input));
  const inputs = node.inputs.map(value);
  const outputs = node.outputs.map(value);
  const reached = node.outputs.map((name) => gradients.has(name));
  const dy = outputs.map((output, i) => {
    const gradient = gradients.get(node.outputs[i]);
    return output && !gradient && isFloat(output.type) ? b.full(0, output) : (gradient as Value);
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
      // Copies under new names: every value computed from them is new, and lies between them and the results.
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
        const inner = { b, known, nodes, active: dependents(b, nodes, wanted), refused: raise, recall: keep };
        return { read: new Set(nodes.flatMap(readsOf)), found: backpropagate(inner, seeds) };
      };
      let solved: ReturnType<typeof solve> | undefined;
      return inputs.map((input, i) => () => {
        solved ??= solve();
        const { name } = copies[i];
        if (!solved.read.has(name)) refuse(`the rule gives no gradient to its input "${input.name}"`);
        return solved.found.get(name) ?? b.full(0, input);
      });
    },
    refuse,
  };
}
