import type { Typed } from './emitter.ts';
import type { Graph, Node } from './model.ts';
import { producersIn, readersIn } from './subgraphs.ts';
import type { Tensor } from './tensor.ts';

/** The longest chain of copies to follow: exporters write a few. */
export const MOST_COPIES = 1000;

/** A graph, a graph under construction, or nodes alone. */
type Viewed = { readonly nodes: readonly Node[] } & Partial<Pick<Graph, 'outputs' | 'initializers'>>;

/** Facts about a graph's values that are not in the graph. */
interface Knowledge {
  /** Types and shapes. */
  readonly values?: ReadonlyMap<string, Typed>;
  /** Contents, in addition to those of initializers. */
  readonly constants?: ReadonlyMap<string, Tensor>;
  /** Initializers that train, so their contents may change. */
  readonly trainable?: ReadonlySet<string>;
  /** Values that are read by their names, in addition to the graph's outputs. */
  readonly named?: readonly string[];
}

/**
 * A graph, indexed by its values: the node that computes each, and the nodes that read it. A view belongs to one graph, which must not
 * change while the view is in use: a pass creates a new graph, and the next pass a new view. Each index is built on first use.
 */
export class GraphView {
  readonly nodes: readonly Node[];
  readonly initializers: ReadonlyMap<string, Tensor>;
  private readonly known: Knowledge;
  private readonly outputs: ReadonlySet<string>;
  private producers?: ReadonlyMap<string, Node>;
  private readersByName?: ReadonlyMap<string, readonly Node[]>;
  private places?: ReadonlyMap<Node, number>;

  constructor({ nodes, outputs = [], initializers = new Map() }: Viewed, known: Knowledge = {}) {
    this.nodes = nodes;
    this.initializers = initializers;
    this.known = known;
    this.outputs = new Set([...outputs.map(({ name }) => name), ...(known.named ?? [])]);
  }

  /** The node that computes a value; undefined for inputs and initializers. */
  producer(name: string): Node | undefined {
    this.producers ??= producersIn(this.nodes);
    return this.producers.get(name);
  }

  /** The nodes that read a value, in order and without repeats; the reads of a subgraph count for its node. */
  readers(name: string): readonly Node[] {
    this.readersByName ??= readersIn(this.nodes);
    return this.readersByName.get(name) ?? NO_NODES;
  }

  /** The index of a node in the graph. */
  place(node: Node): number {
    this.places ??= new Map(this.nodes.map((own, i) => [own, i]));
    return this.places.get(node)!;
  }

  /** Whether a value is read by its name, like the graph's outputs. */
  isOutput(name: string): boolean {
    return this.outputs.has(name);
  }

  /** The only reader of a value. */
  onlyReader(name: string): Node | undefined {
    const readers = this.readers(name);
    return readers.length > 1 || this.isOutput(name) ? undefined : readers[0];
  }

  /** The standard node that computes a value, if only one node reads the value. */
  inner(name: string): Node | undefined {
    const node = this.producer(name);
    return node?.domain === '' && this.onlyReader(name) ? node : undefined;
  }

  /** The contents of a value that is known, an initializer, or the result of a `Constant` node. */
  constant(name: string): Tensor | undefined {
    if (this.known.trainable?.has(name)) return undefined;
    const contents = this.known.constants?.get(name) ?? this.initializers.get(name);
    const node = contents ? undefined : this.producer(name);
    return node ? constantOf(node) : contents;
  }

  typeOf(name: string): Typed | undefined {
    return this.known.values?.get(name) ?? this.initializers.get(name);
  }

  /** Walks back from a value through nodes that pass their first input on, to the first value that no such node computes. */
  through(name: string, passesOn: (node: Node) => boolean, most = Number.POSITIVE_INFINITY): string {
    let source = name;
    for (let passed = 0; passed < most; passed++) {
      const node = this.producer(source);
      if (!node || !passesOn(node)) break;
      source = node.inputs[0];
    }
    return source;
  }

  /** The value that this one is a copy of, or the value itself. */
  original(name: string): string {
    return this.through(name, ({ op, domain }) => op === 'Identity' && domain === '', MOST_COPIES);
  }
}

const NO_NODES: readonly Node[] = [];

/** The tensor of a `Constant` node that has one. */
export function constantOf({ op, domain, attributes }: Node): Tensor | undefined {
  if (op !== 'Constant' || domain !== '') return undefined;
  return attributes.value?.kind === 'tensor' ? attributes.value.value : undefined;
}
