import { type GraphBuilder, isStatic, type Node, type Shape, type Value } from '../../../onnx/index.ts';
import type { FilterShape, MapShape } from '../convolution/geometry.ts';
import { forwardFilter } from './filters.ts';
import { type StoredShape, storedShape } from './stored.ts';

/** ONNX Runtime's domain for operators on tensors in blocks of channels. */
export const NCHWC = 'com.microsoft.nchwc';

/** `ReorderInput` takes multiples of this many channels. */
const REORDERED = 4;

/** Height and width. */
export type Plane = readonly [number, number];

/** The shape `[N, C, H, W]`. */
export type PlaneMap = MapShape<Plane>;

/** The shape `[O, I/group, kh, kw]`. */
export type PlaneFilter = FilterShape<Plane>;

/**
 * A map `[N, C, H, W]` in blocks of B channels: its bytes are in the order `[N, C/B, H, W, B]`, with C filled up to whole blocks. The
 * domain's operators read it with the shape `[N, filled C, H, W]`, which `value` declares.
 */
export interface Blocked {
  readonly value: Value<PlaneMap>;
  /** Without the channels that fill the last block. */
  readonly channels: number;
}

/** A convolution that is emitted on the first request for its result, so that it can include an activation. */
export interface Pending {
  readonly emit: (activation?: Activation) => Blocked;
}

/** A function that a blocked `Conv` applies to its results. */
export interface Activation {
  readonly name: string;
  readonly parameters?: readonly number[];
}

/** The replacement of a node's output: a value in blocks, a stored filter, or a value in the standard order. */
export type Result =
  | { readonly blocked: Blocked | Pending }
  | { readonly standard: Value }
  | { readonly stored: Value<StoredShape> };

/** Rewrites one node in blocks and gives a result for each output; undefined if the node stays unchanged. */
export type Handler = (region: Region, node: Node) => readonly Result[] | undefined;

interface Original {
  /** The number of nodes (or outputs of the graph) that read a value. */
  readonly uses: ReadonlyMap<string, number>;
  readonly producers: ReadonlyMap<string, Node>;
}

/** A graph during its conversion to blocks: which of its values are in blocks, in the standard order, or in both. */
export class Region {
  private readonly blocks = new Map<string, Blocked | Pending>();
  private readonly standards = new Map<string, Value>();
  private readonly storedFilters = new Map<string, Value<StoredShape>>();
  private readonly sources = new Map<string, Value>();
  private readonly transposed = new Map<string, string>();
  /** Whether the graph computes gradients of filters. */
  readonly trains: boolean;

  /** @param graph the graph before its conversion */
  constructor(
    readonly b: GraphBuilder,
    readonly size: number,
    private readonly graph: Original,
  ) {
    this.trains = [...graph.producers.values()].some(({ op }) => op === 'ConvWeightGradient');
  }

  /** The channels filled up to whole blocks. */
  fill = (channels: number): number => Math.ceil(channels / this.size) * this.size;

  place(name: string, result: Result): void {
    if ('blocked' in result) this.blocks.set(name, result.blocked);
    else if ('stored' in result) this.storedFilters.set(name, result.stored);
    else this.standards.set(name, result.standard);
  }

  isBlocked = (name: string): boolean => this.blocks.has(name);

  /** A convolution's result that only one node reads and that is not emitted yet. */
  pending(name: string): Pending | undefined {
    const found = this.blocks.get(name);
    return found && 'emit' in found && this.graph.uses.get(name) === 1 ? found : undefined;
  }

  /** The node that computes a value, if only one node reads the value. */
  producerOnceRead = (name: string): Node | undefined =>
    this.graph.uses.get(name) === 1 ? this.graph.producers.get(name) : undefined;

  /** The map in blocks, reordered if necessary. */
  blocked(name: string): Blocked {
    const found = this.blocks.get(name);
    const blocked = !found ? this.reorder(this.b.value(name)) : 'emit' in found ? found.emit() : found;
    this.blocks.set(name, blocked);
    return blocked;
  }

  isStored = (name: string): boolean => this.storedFilters.has(name);

  /** The stored form of a filter `[O, I, kh, kw]` of whole blocks: `[O/B, I/B, kh·kw, B inputs, B outputs]`. */
  stored(name: string): Value<StoredShape> {
    const known = this.storedFilters.get(name);
    if (known) return known;
    const { b, size } = this;
    const filter = b.value(name);
    if (!isFilter(filter)) throw new Error(`"${name}", [${filter.shape}], is not a filter of known sizes`);
    const stored = b.reshape(forwardFilter(b, this.standard(filter), size), storedShape(filter.shape, size));
    this.storedFilters.set(name, stored);
    return stored;
  }

  /** The value in the standard order. */
  standard<S extends Shape>(value: Value<S>): Value<S>;
  standard(value: Value): Value {
    const { name, shape } = value;
    const known = this.standards.get(name);
    if (known) return known;
    const stored = this.storedFilters.get(name);
    // [O/B, I/B, taps, B inputs, B outputs] → [O/B, B outputs, I/B, B inputs, taps]
    const standard = stored
      ? this.b.reshape(this.b.transpose(stored, [0, 4, 1, 3, 2]), shape)
      : this.blocks.has(name)
        ? this.restored(this.blocked(name), value)
        : value;
    this.standards.set(name, standard);
    return standard;
  }

  /** The name that an unchanged node reads instead of `name`. */
  nameOf = (name: string): string =>
    this.blocks.has(name) || this.standards.has(name) || this.storedFilters.has(name)
      ? this.standard(this.b.value(name)).name
      : name;

  /** Gives the original name to the value in the standard order. */
  keepName(name: string): void {
    const found = this.nameOf(name);
    if (found === name) return;
    this.copyTo(name, found);
    this.standards.set(name, this.b.value(name));
  }

  /** Gives the original name to the stored filter. */
  keepStored(name: string): void {
    this.copyTo(name, this.stored(name).name);
  }

  private copyTo(name: string, from: string): void {
    this.b.append({ ...IDENTITY, name: this.b.unique(`Identity/${name}`), inputs: [from], outputs: [name] });
  }

  /** The value `[N | 1, C, 1, 1]` whose elements `name` repeats over the map. */
  source = (name: string): Value | undefined => this.sources.get(name);
  repeats(name: string, source: Value): void {
    this.sources.set(name, source);
  }

  /** The name of the value `[N, H, W, C]` whose transpose is the map. */
  transposeOf = (name: string): string | undefined => this.transposed.get(name);
  transposes(name: string, from: string): void {
    this.transposed.set(name, from);
  }

  /** A map as `[N, H, W, C]`, directly from its blocks. */
  channelsLast({ value, channels }: Blocked): Value {
    const [n, , h, w] = value.shape;
    const output = { type: value.type, shape: [n, h, w, channels] };
    return this.b.emit('ReorderOutput', [value], [output], { channels, channels_last: 1 }, { domain: NCHWC })[0];
  }

  /** A map of whole blocks from `[N, H, W, C]`. @param shape of the map in blocks */
  fromChannelsLast(x: Value, shape: PlaneMap): Value<PlaneMap> {
    return this.b.emit('ReorderInput', [x], [{ type: x.type, shape }], { channels_last: 1 }, { domain: NCHWC })[0];
  }

  /** The map as `[N, filled C / B, H·W, B]`, against which one number per channel broadcasts. */
  view({ value }: Blocked) {
    const [n, c, h, w] = value.shape;
    return this.b.reshape(value, [n, c / this.size, h * w, this.size]);
  }

  /** A view `[N, filled C / B, H·W, B]`, declared as a map again. */
  map = (view: Value, like: PlaneMap): Value<PlaneMap> => this.b.reshape(view, this.declared(like));

  /** The declared shape of a map in blocks. */
  declared = ([n, c, h, w]: PlaneMap): PlaneMap => [n, this.fill(c), h, w];

  private reorder(map: Value): Blocked {
    const { b } = this;
    if (!isMap(map)) throw new Error(`"${map.name}", [${map.shape}], is not a map of known sizes`);
    const [, channels] = map.shape;
    const shape = this.declared(map.shape);
    const missing = (REORDERED - (channels % REORDERED)) % REORDERED;
    const last = missing ? undefined : this.transposed.get(map.name);
    if (last) return { value: this.fromChannelsLast(this.standard(b.value(last)), shape), channels };
    const filled = b.pad(this.standard(map), [0, 0, 0, 0], [0, missing, 0, 0]);
    return { value: b.emit('ReorderInput', [filled], [{ type: map.type, shape }], {}, { domain: NCHWC })[0], channels };
  }

  /** Appends the nodes that restore `as` from its blocks of floats. Blocks of another type are cast to floats and back. */
  private restored({ value, channels }: Blocked, as: Value): Value {
    const { b } = this;
    const floats = b.cast(value, 'float32');
    const output =
      value.type === 'float32'
        ? as
        : b.declare({ name: b.unique(`${as.name}.float`), type: 'float32', shape: as.shape });
    b.append({
      name: b.unique(`ReorderOutput/${as.name}`),
      op: 'ReorderOutput',
      domain: NCHWC,
      inputs: [floats.name],
      outputs: [output.name],
      attributes: { channels: { kind: 'int', value: channels } },
    });
    return output === as ? as : b.cast(output, value.type);
  }
}

const IDENTITY = { op: 'Identity', domain: '', attributes: {} };

/** One number per channel, `[C]`, with zeros at the end that fill the last block. */
export const filledUp = ({ b, fill }: Region, value: Value, channels: number): Value =>
  b.pad(value, [0], [fill(channels) - channels]);

/** Whether a value is a map `[N, C, H, W]` with known channels and sizes. */
export const isMap = (value: Value): value is Value<PlaneMap> =>
  value.shape.length === 4 && value.shape.slice(1).every((d) => typeof d === 'number' && d > 0);

/** Whether a value is a filter `[O, I/group, kh, kw]` of known sizes. */
export const isFilter = (value: Value): value is Value<PlaneFilter> =>
  value.shape.length === 4 && isStatic(value.shape);

/** Whether a value has one element for each channel (and perhaps sample) of a map. */
export function goesByChannel(shape: Shape, map: Shape): boolean {
  const full = [...Array(4 - Math.min(4, shape.length)).fill(1), ...shape];
  return (
    full.length === 4 && full[1] === map[1] && full[2] === 1 && full[3] === 1 && (full[0] === 1 || full[0] === map[0])
  );
}

export const isSingle = (shape: Shape): boolean => shape.every((d) => d === 1);
