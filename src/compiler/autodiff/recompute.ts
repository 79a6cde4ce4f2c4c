import type { GraphBuilder, Node, Value } from '../../onnx/index.ts';
import { late } from './adjoint.ts';

/** Gives the backward pass a value of the forward pass; `trigger` is computed by then. */
export type Recall = (value: Value, trigger: Value | undefined) => Value;

/**
 * Recomputes values of the forward pass from kept ones when the backward pass asks for them.
 *
 * @param remade nodes of the forward pass whose results are recomputed
 * @param varying names of the values that vary with the data; for the others, which would be computed early, only a node's first input
 *   waits
 */
export function computedAnew(b: GraphBuilder, remade: ReadonlySet<Node>, varying: ReadonlySet<string>): Recall {
  const producers = new Map([...remade].flatMap((node) => resultsOf(node).map((name) => [name, node] as const)));
  const anew = new Map<string, Value>();
  const compute = (node: Node, trigger: Value) => {
    const isOfWeights = !node.inputs.some((name) => varying.has(name));
    const inputs = node.inputs.map((name, i) => {
      if (name === '') return undefined;
      const input = b.value(name);
      if (producers.has(name)) return anew.get(name);
      const waits = isOfWeights ? i === 0 : varying.has(name) && canBeLate(input);
      return waits ? late(b, input, trigger) : input;
    });
    const outputs = resultsOf(node).map((name) => b.value(name));
    const results = b.emit(node.op, inputs, outputs, node.attributes, { domain: node.domain });
    outputs.forEach(({ name }, i) => {
      anew.set(name, results[i]);
    });
  };
  /** Operands come first. A chain of thousands would be too deep for recursion. */
  const recall = (value: Value, trigger: Value): Value => {
    const open = [value.name];
    while (open.length) {
      const name = open.at(-1)!;
      const node = anew.has(name) ? undefined : producers.get(name);
      const missing = node?.inputs.filter((input) => producers.has(input) && !anew.has(input)) ?? [];
      for (const input of missing) open.push(input);
      if (missing.length) continue;
      if (node) compute(node, trigger);
      open.pop();
    }
    return anew.get(value.name) ?? value;
  };
  return (value, trigger) => (trigger && canBeLate(trigger) ? recall(value, trigger) : value);
}

/** The results that are recomputed. The statistics of a layer normalization are small and stay. */
export const resultsOf = ({ op, outputs }: Node): readonly string[] =>
  op === 'LayerNormalization' ? outputs.slice(0, 1) : outputs;

/** Whether a value's first axis is known only at run time, so that it can delay another value. */
export const canBeLate = ({ shape: [batch] }: Value): boolean => typeof batch === 'string';
