import type { GraphBuilder, Node, Shape, Value } from '../../../onnx/index.ts';
import { forwardFilter } from './filters.ts';
import { storedShape } from './stored.ts';

/** ONNX Runtime's domain for operators on tensors in blocks of channels. */
export const NCHWC = 'com.microsoft.nchwc';

/** `ReorderInput` takes multiples of so many channels. */
const REORDERED = 4;

/**
 * A map `[N, C, H, W]` in blocks of B channels: its bytes are in the order `[N, C/B, H, W, B]`, C filled up to whole blocks. The
 * operators of the domain take it by the shape `[N, filled C, H, W]`, which is the one that `value` is declared with.
 */
export interface Blocked {
  readonly value: Value;
  /** Without what fills up the last block. */
  readonly channels: number;
}

/** A convolution that is emitted when its result is first asked for, so that an activation may go into it. */
export interface Pending {
  readonly emit: (activation?: Activation) => Blocked;
}

/** What a blocked `Conv` applies to its results. */
export interface Activation {
  readonly name: string;
  readonly parameters?: readonly number[];
}

/** What becomes of a node's output: a value in blocks, a filter as it is stored, or a value in the standard order that takes its place. */
export type Result =
  | { readonly blocked: Blocked | Pending }
  | { readonly standard: Value }
  | { readonly filter: Value };

/** Rewrites one node in blocks, its results by output; undefined where it is to stay as it is. */
export type Handler = (region: Region, node: Node) => readonly Result[] | undefined;

/** A graph on its way to blocks: which of its values are in blocks, in the standard order, or in both. */
export class Region {
  private readonly blocks = new Map<string, Blocked | Pending>();
  private readonly standards = new Map<string, Value>();
  private readonly filters = new Map<string, Value>();
  private readonly sources = new Map<string, Value>();

  /** @param uses how many nodes (or outputs of the graph) read a value */
  constructor(
    readonly b: GraphBuilder,
    readonly size: number,
    private readonly uses: ReadonlyMap<string, number>,
  ) {}

  /** The channels filled up to whole blocks. */
  fill = (channels: number): number => Math.ceil(channels / this.size) * this.size;

  place(name: string, result: Result): void {
    if ('blocked' in result) this.blocks.set(name, result.blocked);
    else if ('filter' in result) this.filters.set(name, result.filter);
    else this.standards.set(name, result.standard);
  }

  isBlocked = (name: string): boolean => this.blocks.has(name);

  /** The result of a convolution that nobody else reads and that is not emitted yet. */
  pending(name: string): Pending | undefined {
    const found = this.blocks.get(name);
    return found && 'emit' in found && this.uses.get(name) === 1 ? found : undefined;
  }

  /** The value in blocks, reordered where it is not yet. */
  blocked(name: string): Blocked {
    const found = this.blocks.get(name);
    const blocked = !found ? this.reorder(this.standard(name)) : 'emit' in found ? found.emit() : found;
    this.blocks.set(name, blocked);
    return blocked;
  }

  isFilter = (name: string): boolean => this.filters.has(name);

  /** A filter `[O, I, kh, kw]` of whole blocks as it is stored: `[O/B, I/B, kh·kw, B inputs, B outputs]`. */
  filter(name: string): Value {
    const known = this.filters.get(name);
    if (known) return known;
    const { b, size } = this;
    const ordered = forwardFilter(b, this.standard(name), size);
    const filter = b.reshape(ordered, storedShape(b.value(name).shape as number[], size));
    this.filters.set(name, filter);
    return filter;
  }

  /** The value in the standard order. */
  standard(name: string): Value {
    const known = this.standards.get(name);
    if (known) return known;
    const filter = this.filters.get(name);
    if (filter) {
      // [O/B, I/B, taps, B inputs, B outputs] → [O/B, B outputs, I/B, B inputs, taps]
      const restored = this.b.reshape(this.b.transpose(filter, [0, 4, 1, 3, 2]), this.b.value(name).shape);
      this.standards.set(name, restored);
      return restored;
    }
    const value = this.b.value(name);
    this.standards.set(name, value);
    if (this.blocks.has(name)) this.restore(this.blocked(name), value);
    return this.standards.get(name)!;
  }

  /** What a node that stays as it is reads in place of `name`. */
  nameOf = (name: string): string =>
    this.blocks.has(name) || this.standards.has(name) || this.filters.has(name) ? this.standard(name).name : name;

  /** Gives the value in the standard order its own name. */
  keepName(name: string): void {
    const found = this.nameOf(name);
    if (found === name) return;
    this.copyTo(name, found);
    this.standards.set(name, this.b.value(name));
  }

  /** Gives the filter as it is stored the value's own name. */
  keepFilter(name: string): void {
    this.copyTo(name, this.filter(name).name);
  }

  private copyTo(name: string, from: string): void {
    this.b.append({ ...IDENTITY, name: this.b.unique(`Identity/${name}`), inputs: [from], outputs: [name] });
  }

  /** A value `[N | 1, C, 1, 1]` of which `name` repeats each element over the map. */
  source = (name: string): Value | undefined => this.sources.get(name);
  repeats(name: string, source: Value): void {
    this.sources.set(name, source);
  }

  /** Seen as `[N, filled C / B, H·W, B]`, in which what goes by channel broadcasts. */
  view({ value }: Blocked): Value {
    const [n, c, h, w] = value.shape as [Shape[0], number, number, number];
    return this.b.reshape(value, [n, c / this.size, h * w, this.size]);
  }

  /** What was seen as `[N, filled C / B, H·W, B]`, declared as a map again. */
  map(view: Value, like: Shape): Value {
    return this.b.reshape(view, [like[0], this.fill(like[1] as number), like[2], like[3]]);
  }

  /** Shape of a map by which its blocked form is declared. */
  declared = ([n, c, h, w]: Shape): Shape => [n, this.fill(c as number), h, w];

  private reorder(x: Value): Blocked {
    const { b } = this;
    const channels = x.shape[1] as number;
    const missing = (REORDERED - (channels % REORDERED)) % REORDERED;
    const filled = b.pad(x, [0, 0, 0, 0], [0, missing, 0, 0]);
    const output = { type: x.type, shape: this.declared(x.shape) };
    return { value: b.emit('ReorderInput', [filled], [output], {}, { domain: NCHWC })[0], channels };
  }

  /** Appends the nodes that give `as` from its blocks, which are of floats or can be made so. */
  private restore({ value, channels }: Blocked, as: Value): void {
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
    if (output === as) return;
    this.standards.set(as.name, b.cast(output, value.type));
  }
}

const IDENTITY = { op: 'Identity', domain: '', attributes: {} };

/** A value by channel `[C]`, zeros at its end for what fills up the last block. */
export function filledUp({ b, fill }: Region, value: Value): Value {
  const [channels] = value.shape as number[];
  return b.pad(value, [0], [fill(channels) - channels]);
}

/** Whether a shape is that of maps with known channels and sizes. */
export const isMap = (shape: Shape): boolean =>
  shape.length === 4 && shape.slice(1).every((d) => typeof d === 'number' && d > 0);

/** Whether a value has one element for each channel (and sample, perhaps) of a map. */
export function goesByChannel(shape: Shape, map: Shape): boolean {
  const full = [...Array(4 - Math.min(4, shape.length)).fill(1), ...shape];
  return (
    full.length === 4 && full[1] === map[1] && full[2] === 1 && full[3] === 1 && (full[0] === 1 || full[0] === map[0])
  );
}

export const isSingle = (shape: Shape): boolean => shape.every((d) => d === 1);
