import { type GraphBuilder, type Node, numbersOf, plainAttributes, type Tensor, type Value } from '../../onnx/index.ts';
import { ruleFor } from './registry.ts';
import { UnsupportedOperator } from './unsupported.ts';

/**
 * Writes out an operator whose rule composes it of other operators, such as fused attention.
 *
 * @param known contents of values that are known at compile time
 * @returns the values of the node's outputs; undefined if the rule does not compose it, or refuses the node
 */
export function decompose(
  b: GraphBuilder,
  node: Node,
  known: ReadonlyMap<string, Tensor>,
): readonly (Value | undefined)[] | undefined {
  const value = (name: string) => (name === '' ? undefined : b.value(name)) as Value;
  const [inputs, outputs] = [node.inputs.map(value), node.outputs.map(value)];
  const refuse = (why: string): never => {
    throw new UnsupportedOperator(node, why);
  };
  const contents = (input: Value | undefined) => input && (known.get(input.name) ?? b.tensorOf(input));
  let parts: readonly (Value | undefined)[] | undefined;
  try {
    ruleFor(node)({
      ...{ b, node, inputs, outputs, refuse },
      // Nothing is differentiated here.
      ...{ dy: [], reached: node.outputs.map((name, i) => name !== '' && i === 0) },
      attributes: plainAttributes(node),
      known: contents,
      constant: (input) =>
        numbersOf(contents(input) ?? refuse(`its input "${input.name}" is not known when compiling`)),
      composed: (compute) => {
        parts = compute(inputs);
        return [];
      },
    });
  } catch (error) {
    if (error instanceof UnsupportedOperator) return undefined;
    throw error;
  }
  return parts;
}
