import type { GraphBuilder, Node, Tensor, Value } from '../../onnx/index.ts';

/** What a rule is given: the node's values, and the gradient of the loss with respect to its outputs. */
export interface RuleContext {
  readonly b: GraphBuilder;
  readonly node: Node;
  /** In the order of the operator's specification; optional inputs left out are undefined. */
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  /** ∂loss/∂output for each output, zeros where the loss does not depend on it; undefined for outputs that stand for no floats. */
  readonly dy: readonly Value[];
  /** Whether the loss depends on an output. */
  readonly reached: readonly boolean[];
  // biome-ignore lint/suspicious/noExplicitAny: destructured with the types that the operator's specification gives
  readonly attributes: Readonly<Record<string, any>>;
  /** The contents of a value if it is known when compiling. */
  known(value: Value | undefined): Tensor | undefined;
  /** The same as numbers (axes, pads, …); refuses, naming the node, where it is not known. */
  constant(value: Value): number[];
  /**
   * The gradients of an operator that is a composition of others: emits these, from the inputs given to the function, and
   * differentiates what it returns, one value an output (undefined where there is none).
   */
  composed(compute: (inputs: readonly Value[]) => readonly (Value | undefined)[]): readonly InputGradient[];
  /** Refuses what the rule does not cover, naming the node: `Resize node "up" cannot be differentiated: <why>`. */
  refuse(why: string): never;
}

/** ∂loss/∂input. The pass sums it over broadcast axes, accumulates, and calls it only where it is wanted. */
export type InputGradient = () => Value;

/**
 * One entry an input. `zero`: the derivative is zero by nature, or another input's gradient includes it. undefined (or a shorter list): the
 * input takes no gradient, and the pass refuses a node that needs one there.
 */
export type Rule = (context: RuleContext) => readonly (InputGradient | 'zero' | undefined)[];

/** Rules by operator name. */
export type Rules = Readonly<Record<string, Rule>>;
