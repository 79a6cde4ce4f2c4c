/**
 * Patterns of nodes, and rules that transform a match (after tinygrad's `UPat` and `PatternMatcher`). A pattern reads like the
 * formula that a pass looks for:
 *
 *     // x·σ(x)
 *     rule(op('Mul', any('x'), op('Sigmoid', any('x'))), ({ x }) => …)
 */
import { elementCount, type GraphView, type Node, numbersOf } from '../../onnx/index.ts';

/** Values of the names in a pattern: values of the graph (by name), nodes and numbers. */
type Bindings = Readonly<Record<string, string | number | Node>>;

interface Scope {
  readonly view: GraphView;
  /** Whether a node may be part of a match. */
  readonly free: (node: Node) => boolean;
}

/** All ways in which a value matches, given the current bindings. */
type Match = (value: string, bound: Bindings, scope: Scope) => readonly Bindings[];

const NONE: readonly Bindings[] = [];

/** A pattern of the nodes that compute a value. @template B the types of its bindings */
export class Pattern<B = unknown> {
  declare readonly bindings: B;

  constructor(readonly match: Match) {}

  /** Binds a name to the node that computes the value. */
  as<N extends string>(name: N): Pattern<B & Readonly<Record<N, Node>>> {
    return new Pattern((value, bound, scope) =>
      this.match(value, bound, scope).map((found) => ({ ...found, [name]: scope.view.producer(value)! })),
    );
  }

  /** Requires that only one node reads the value. */
  readOnce(): Pattern<B> {
    return new Pattern((value, bound, scope) =>
      scope.view.onlyReader(value) ? this.match(value, bound, scope) : NONE,
    );
  }
}

/** A number matches a constant of one element with this value. */
type Operand = Pattern | number;
type BoundBy<P> = P extends Pattern<infer B> ? B : unknown;
type BoundByAll<T extends readonly Operand[]> = T extends readonly [infer P, ...infer Rest extends readonly Operand[]]
  ? BoundBy<P> & BoundByAll<Rest>
  : unknown;

/** Any value; a name that occurs twice stands for the same value. */
export const any = <N extends string>(
  name: N,
  test: (value: string, view: GraphView) => boolean = () => true,
): Pattern<Readonly<Record<N, string>>> =>
  new Pattern((value, bound, { view }) => {
    if (Object.hasOwn(bound, name)) return bound[name] === value ? [bound] : NONE;
    return value !== '' && test(value, view) ? [{ ...bound, [name]: value }] : NONE;
  });

/** A known float32 number. */
export const scalar = <N extends string>(name: N): Pattern<Readonly<Record<N, number>>> =>
  new Pattern((value, bound, { view }) => {
    const known = view.constant(value);
    const isNumber = known?.type === 'float32' && known.shape.length <= 1 && elementCount(known.shape) === 1;
    return isNumber ? [{ ...bound, [name]: numbersOf(known)[0] }] : NONE;
  });

const equalTo = (number: number): Pattern =>
  new Pattern((value, bound, { view }) => {
    const known = view.constant(value);
    const isEqual =
      known && elementCount(known.shape) === 1 && Math.abs(numbersOf(known)[0] - number) <= 1e-6 * Math.abs(number);
    return isEqual ? [bound] : NONE;
  });

const COMMUTATIVE = new Set(['Add', 'Mul', 'Max', 'Min', 'And', 'Or', 'Equal']);

/** The result of a standard operator whose first inputs match; a commutative operator's two inputs match in either order. */
export function op<const T extends readonly Operand[]>(operator: string, ...inputs: T): Pattern<BoundByAll<T>> {
  const patterns = inputs.map((input) => (typeof input === 'number' ? equalTo(input) : input));
  const orders = COMMUTATIVE.has(operator) && patterns.length === 2 ? [patterns, patterns.toReversed()] : [patterns];
  return new Pattern((value, bound, scope) => {
    const node = scope.view.producer(value);
    if (node?.op !== operator || node.domain !== '' || node.outputs[0] !== value) return NONE;
    if (node.inputs.length < patterns.length || !scope.free(node)) return NONE;
    return orders.flatMap((order) =>
      order.reduce<readonly Bindings[]>(
        (all, pattern, i) => all.flatMap((found) => pattern.match(node.inputs[i], found, scope)),
        [bound],
      ),
    );
  });
}

type KeysOf<U> = U extends unknown ? keyof U : never;
type ValueAt<U, K extends PropertyKey> = U extends Readonly<Record<K, infer V>> ? V : never;
/** The bindings that all alternatives have, and as optional, those that only some have. */
type OneOf<U> = Pick<U, keyof U> & { readonly [K in Exclude<KeysOf<U>, keyof U>]?: ValueAt<U, K> };

export const either = <T extends readonly Pattern[]>(...patterns: T): Pattern<OneOf<BoundBy<T[number]>>> =>
  new Pattern((value, bound, scope) => patterns.flatMap((pattern) => pattern.match(value, bound, scope)));

/** Transforms a node; undefined if the rule's pattern does not match. */
export type Rule<T> = (node: Node, scope: Scope) => T | undefined;

/** @param write creates nodes (or another result) from a match; undefined rejects the match */
export const rule =
  <B, T>(pattern: Pattern<B>, write: (bound: B, node: Node, view: GraphView) => T | undefined): Rule<T> =>
  (node, scope) => {
    for (const bound of pattern.match(node.outputs[0], {}, scope)) {
      // A match has the bindings of the pattern's type.
      const written = write(bound as B, node, scope.view);
      if (written !== undefined) return written;
    }
    return undefined;
  };

const everyNode = () => true;

/** The result of the first rule that matches a node. */
export function applyFirst<T>(
  rules: readonly Rule<T>[],
  node: Node,
  view: GraphView,
  free: Scope['free'] = everyNode,
): T | undefined {
  for (const apply of rules) {
    const written = apply(node, { view, free });
    if (written !== undefined) return written;
  }
  return undefined;
}

/** The results for all nodes of a graph that some rule matches. */
export function applyRules<T>(rules: readonly Rule<T>[], view: GraphView, free?: Scope['free']): Map<Node, T> {
  const all = new Map<Node, T>();
  for (const node of view.nodes) {
    const written = applyFirst(rules, node, view, free);
    if (written !== undefined) all.set(node, written);
  }
  return all;
}
