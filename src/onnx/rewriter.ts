import type { AttributeLike } from './attributes.ts';
import { tensor } from './data-types.ts';
import type { Typed } from './emitter.ts';
import { makeNode, type NodeOptions } from './make-node.ts';
import type { Graph, Node } from './model.ts';
import { freshName, valueNames } from './names.ts';
import type { Tensor } from './tensor.ts';

/** The new graph that a pass writes: nodes in order, and constants and values under free names. */
export class Rewriter {
  readonly nodes: Node[] = [];
  readonly initializers: Map<string, Tensor>;
  /** Types and shapes, if the pass knows them. */
  readonly values: Map<string, Typed>;

  /** @param taken names that are not free, to which new ones are added; by default, those of the graph */
  constructor(
    private readonly source: Graph,
    values: ReadonlyMap<string, Typed> = new Map(),
    private readonly taken: Set<string> = valueNames(source, new Set(values.keys())),
  ) {
    this.initializers = new Map(source.initializers);
    this.values = new Map(values);
  }

  /** The new graph. */
  get graph(): Graph {
    return { ...this.source, nodes: this.nodes, initializers: this.initializers };
  }

  /** A name for a new value. */
  fresh(hint: string, typed?: Typed): string {
    const name = freshName(hint, this.taken);
    if (typed) this.values.set(name, { type: typed.type, shape: typed.shape });
    return name;
  }

  constant(hint: string, contents: Tensor): string {
    const name = this.fresh(hint);
    this.initializers.set(name, contents);
    return name;
  }

  /** An int64 vector. */
  ints(hint: string, numbers: readonly number[]): string {
    return this.constant(hint, tensor('int64', [numbers.length], BigInt64Array.from(numbers, BigInt)));
  }

  /** Emits a standard node with one result. @returns the result's name */
  emit(
    op: string,
    inputs: readonly string[],
    to: string,
    attributes?: Readonly<Record<string, AttributeLike>>,
    options?: NodeOptions,
  ): string {
    this.nodes.push(makeNode(op, inputs, [to], attributes, options));
    return to;
  }
}
