import { type AttributeLike, toAttributes } from './attributes.ts';
import { arrayFrom, bytesOf } from './data-types.ts';
import { byteLengthOf } from './deferred.ts';
import { makeNode } from './make-node.ts';
import type { Attribute, Graph, Node } from './model.ts';
import { freshName } from './names.ts';
import { isStatic, type Shape, type Sizes } from './shape.ts';
import type { DataType, Tensor } from './tensor.ts';

/**
 * A value of a graph under construction: its name, type and shape.
 *
 * @typeParam S the type of the shape: `readonly number[]` if it has no symbols, or a tuple of its dimensions
 */
export interface Value<S extends Shape = Shape> {
  readonly name: string;
  readonly type: DataType;
  readonly shape: S;
}

/** Type and shape of a node's output. */
export type Typed<S extends Shape = Shape> = Omit<Value<S>, 'name'>;

/** The values of a node with these outputs. */
export type Emitted<O extends readonly Typed[]> = { readonly [I in keyof O]: Value<O[I]['shape']> };

/** The same value, whose shape has no symbols. @throws if it has symbols */
export function asStatic(value: Value): Value<readonly number[]> {
  if (hasStaticShape(value)) return value;
  throw new Error(`the shape of "${value.name}", [${value.shape}], is not known when compiling`);
}

/** The size of a value along an axis, which may be negative. @throws if the size is symbolic */
export function staticSize({ name, shape }: Value, axis: number): number {
  const size = shape.at(axis);
  if (typeof size === 'number') return size;
  throw new Error(`the size of axis ${axis} of "${name}", [${shape}], is not known when compiling`);
}

const hasStaticShape = (value: Value): value is Value<readonly number[]> => isStatic(value.shape);

export interface EmitOptions {
  readonly domain?: string;
  /** A name for the (first) output, changed if necessary to be unique. */
  readonly as?: string;
}

/**
 * A graph under construction: nodes in order of execution, constants, and names that never clash. Equal nodes are emitted once, since
 * every operator emitted here is a pure function.
 */
export class Emitter {
  nodes: Node[] = [];
  readonly initializers = new Map<string, Tensor>();
  readonly domains = new Set<string>(['']);
  private readonly values = new Map<string, Value>();
  private readonly names = new Set<string>();
  private known = new Map<string, readonly Value[]>();

  unique = (hint: string): string => freshName(hint, this.names);

  /** Reserves names of values and nodes that will be placed later. */
  reserve(names: Iterable<string>): void {
    for (const name of names) this.names.add(name);
  }

  /** Declares a value under its name, which no other value can have then. */
  declare<S extends Shape>(value: Value<S>): Value<S> {
    this.names.add(value.name);
    this.values.set(value.name, value);
    return value;
  }

  /** Removes all nodes from the graph so that they can be placed again. Nodes emitted later are never merged with them. */
  restart(): readonly Node[] {
    const nodes = this.nodes;
    this.nodes = [];
    this.known.clear();
    return nodes;
  }

  /** Emits the nodes of a subgraph, which may read all values emitted so far. Nodes emitted later outside are never merged with them. */
  within<T>(emit: () => T): { readonly nodes: Node[]; readonly result: T } {
    const { nodes: outside, known } = this;
    this.nodes = [];
    this.known = new Map(known);
    try {
      const result = emit();
      return { nodes: this.nodes, result };
    } finally {
      this.nodes = outside;
      this.known = known;
    }
  }

  /** An input of the graph. */
  input<const S extends Shape>(name: string, type: DataType, shape: S): Value<Sizes<S>>;
  input(name: string, type: DataType, shape: Shape): Value {
    return this.declare({ name, type, shape });
  }

  /** A constant under a name of its own. */
  initializer(name: string, contents: Tensor): Value<readonly number[]> {
    this.initializers.set(name, contents);
    return this.declare({ name, type: contents.type, shape: contents.shape });
  }

  value(name: string): Value {
    const value = this.values.get(name);
    if (!value) throw new Error(`the graph has no value "${name}"`);
    return value;
  }

  has(name: string): boolean {
    return this.values.has(name);
  }

  /** Appends a node unchanged. The caller declares its values. */
  append(node: Node): void {
    this.domains.add(node.domain);
    this.nodes.push(node);
  }

  /** Emits a node with any number of outputs; an omitted input is `undefined`. */
  emit<const O extends readonly Typed[]>(
    op: string,
    inputs: readonly (Value | undefined)[],
    outputs: O,
    attributes?: Readonly<Record<string, AttributeLike>>,
    options?: EmitOptions,
  ): Emitted<O>;
  emit(
    op: string,
    inputs: readonly (Value | undefined)[],
    outputs: readonly Typed[],
    attributes: Readonly<Record<string, AttributeLike>> = {},
    { domain = '', as }: EmitOptions = {},
  ): readonly Value[] {
    const names = inputs.map((input) => input?.name ?? '');
    const typed = toAttributes(attributes);
    const key = signature(op, domain, names, outputs.length, typed);
    const before = key === undefined || as ? undefined : this.known.get(key);
    if (before) return before;
    const values = outputs.map(({ type, shape }, i) =>
      this.declare({ name: this.unique(i === 0 && as ? as : op.toLowerCase()), type, shape }),
    );
    const results = values.map(({ name }) => name);
    this.append(makeNode(op, names, results, typed, { name: this.unique(`${op}/${results[0]}`), domain }));
    if (key !== undefined) this.known.set(key, values);
    return values;
  }

  /** A constant with the given contents; equal small constants are merged. */
  constant<const S extends readonly number[]>(contents: Tensor<S>, hint?: string): Value<Sizes<S>>;
  constant(contents: Tensor, hint = 'constant'): Value {
    const key = smallTensorKey(contents);
    const before = key === undefined ? undefined : this.known.get(key);
    if (before) return before[0];
    const value = this.declare({ name: this.unique(hint), type: contents.type, shape: contents.shape });
    this.initializers.set(value.name, contents);
    if (key !== undefined) this.known.set(key, [value]);
    return value;
  }

  scalar(value: number, type: DataType = 'float32'): Value<readonly []> {
    return this.constant(
      { type, shape: [], data: arrayFrom(type, [value]) },
      `scalar_${String(value).replace(/[^\w.]/g, '_')}`,
    );
  }

  /** An int64 vector. */
  ints(values: readonly number[]): Value<readonly [number]> {
    return this.constant({ type: 'int64', shape: [values.length], data: arrayFrom('int64', values) }, 'ints');
  }

  /** The constant behind a value, if it is one. */
  tensorOf(value: Value): Tensor | undefined {
    return this.initializers.get(value.name);
  }

  /** Inputs, outputs and nodes as a graph. */
  graph(name: string, inputs: readonly Value[], outputs: readonly Value[]): Graph {
    const info = ({ name, type, shape }: Value) => ({ name, type, shape });
    return {
      name,
      nodes: this.nodes,
      inputs: inputs.map(info),
      outputs: outputs.map(info),
      initializers: this.initializers,
      valueInfo: [],
    };
  }
}

function signature(
  op: string,
  domain: string,
  inputs: readonly string[],
  outputs: number,
  attributes: Readonly<Record<string, Attribute>>,
): string | undefined {
  const plain = Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1));
  if (plain.some(([, { kind }]) => /tensor|graph|opaque/.test(kind))) return undefined;
  // JSON has no bigints. Here, they mean the same as numbers.
  const written = plain.map(([name, { kind, value }]) => [
    ...[name, kind],
    kind === 'string' || kind === 'strings' ? value : String(value),
  ]);
  return JSON.stringify([domain, op, outputs, inputs, written]);
}

function smallTensorKey(contents: Tensor): string | undefined {
  if (contents.type === 'string' || byteLengthOf(contents) > 256) return undefined;
  return `${contents.type}[${contents.shape}]:${bytesOf(contents).join()}`;
}
