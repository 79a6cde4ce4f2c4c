import type { GraphBuilder, Node, Tensor, Value } from '../../onnx/index.ts';

/** The input of a rule: the node's values, and the gradient of the loss with respect to its outputs. */
export interface RuleContext {
  readonly b: GraphBuilder;
  readonly node: Node;
  /** In the order of the operator's specification; omitted optional inputs are undefined. */
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  /** ∂loss/∂output for each output: zeros if the loss does not depend on it, undefined if the output does not stand for floats. */
  readonly dy: readonly Value[];
  /** Whether the loss depends on an output. */
  readonly reached: readonly boolean[];
  // biome-ignore lint/suspicious/noExplicitAny: destructured with the types that the operator's specification gives
  readonly attributes: Readonly<Record<string, any>>;
  /** The contents of a value if it is known at compile time. */
  known(value: Value | undefined): Tensor | undefined;
  /** The contents as numbers (axes, pads, …). Refuses the node, by name, if they are unknown. */
  constant(value: Value): number[];
  /**
   * The gradients of an operator that is a composition of other operators: emits these from the inputs given to the function, and
   * differentiates the returned values, one per output (undefined for an absent output).
   */
  composed(compute: (inputs: readonly Value[]) => readonly (Value | undefined)[]): readonly InputGradient[];
  /** Refuses a case that the rule does not cover, and names the node: `Resize node "up" cannot be differentiated: <why>`. */
  refuse(why: string): never;
}

/** ∂loss/∂input. The pass calls it only if the gradient is wanted, sums it over broadcast axes, and accumulates. */
export type InputGradient = () => Value;

/**
 * One entry per input. `zero`: the derivative is zero by nature, or another input's gradient includes it. undefined (or a shorter list):
 * the input takes no gradient, and the pass refuses a node that needs one there.
 */
export type Rule = (context: RuleContext) => readonly (InputGradient | 'zero' | undefined)[];

/** Rules by operator name. */
export type Rules = Readonly<Record<string, Rule>>;
