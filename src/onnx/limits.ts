/** Limits on the contents of a model file, checked on its bytes before they are decoded. */
import { ThawError } from '../errors.ts';

/** Many times the numbers of real models: the largest known exports have some 20,000 nodes. */
export const LIMITS = {
  nodes: 200_000,
  attributes: 1_000_000,
  /** Initializers, and tensors in attributes. */
  tensors: 500_000,
  /** Inputs, outputs, and values with a declared type. */
  values: 500_000,
  /** Dimensions of a single tensor or declared shape. */
  dims: 64,
  allDims: 4_000_000,
  /** Depth of nested graphs, including the outermost. */
  nesting: 16,
  graphs: 100_000,
  /** 64-bit integers and strings in lists: each becomes an object. */
  entries: 8_000_000,
  /** Key and value pairs: metadata, locations of external data. */
  pairs: 2_000_000,
  /** Fields that Thaw copies without reading: doc strings, functions, annotations. */
  unknown: 2_000_000,
  /** Names of inputs and outputs of nodes. */
  names: 4_000_000,
} as const;

type Counted = Exclude<keyof typeof LIMITS, 'dims' | 'nesting'>;

const WORDS: Readonly<Record<Counted, string>> = {
  nodes: 'nodes',
  attributes: 'attributes',
  tensors: 'tensors',
  values: 'declared values',
  allDims: 'dimensions in all its shapes',
  graphs: 'graphs',
  entries: 'entries in lists of integers and strings',
  pairs: 'pairs of a key and a value',
  unknown: 'fields that are not of its graph',
  names: 'names of inputs and outputs of nodes',
};

/** The kind of a field: a message of a kind, a counted item, or plain data. */
interface Field {
  readonly message?: MessageName;
  readonly counts?: Counted;
  /** Whether one field may contain a sequence of varints. */
  readonly packed?: boolean;
}

type MessageName =
  | 'model'
  | 'graph'
  | 'node'
  | 'attribute'
  | 'tensor'
  | 'value'
  | 'type'
  | 'tensorType'
  | 'shape'
  | 'dim';

const PLAIN: Field = {};
const tensor: Field = { message: 'tensor', counts: 'tensors' };
const value: Field = { message: 'value', counts: 'values' };
const graph: Field = { message: 'graph', counts: 'graphs' };
const name: Field = { counts: 'names' };
const pair: Field = { counts: 'pairs' };
const text: Field = { counts: 'entries' };
const integers: Field = { counts: 'entries', packed: true };

/** Fields of `onnx.proto` by number; all others are copied without reading. */
const FIELDS: Readonly<Record<MessageName, Readonly<Record<number, Field>>>> = {
  model: { 1: PLAIN, 2: PLAIN, 3: PLAIN, 7: graph, 8: pair, 14: pair },
  graph: {
    1: { message: 'node', counts: 'nodes' },
    2: PLAIN,
    5: tensor,
    10: PLAIN,
    11: value,
    12: value,
    13: value,
  },
  node: { 1: name, 2: name, 3: PLAIN, 4: PLAIN, 5: { message: 'attribute', counts: 'attributes' }, 7: PLAIN },
  attribute: {
    1: PLAIN,
    2: PLAIN,
    3: PLAIN,
    4: PLAIN,
    5: tensor,
    6: graph,
    7: PLAIN,
    8: integers,
    9: text,
    10: tensor,
    11: graph,
    20: PLAIN,
  },
  tensor: {
    1: { counts: 'allDims', packed: true },
    2: PLAIN,
    4: PLAIN,
    5: PLAIN,
    6: text,
    7: integers,
    8: PLAIN,
    9: PLAIN,
    10: PLAIN,
    11: integers,
    13: pair,
    14: PLAIN,
  },
  value: { 1: PLAIN, 2: { message: 'type' } },
  type: { 1: { message: 'tensorType' } },
  tensorType: { 1: PLAIN, 2: { message: 'shape' } },
  shape: { 1: { message: 'dim', counts: 'allDims' } },
  dim: { 1: PLAIN, 2: PLAIN },
};

const UNKNOWN: Field = { counts: 'unknown' };

/**
 * Scans the bytes of a `ModelProto` once, without decoding them.
 *
 * @throws ThawError `bad-model` if a limit is exceeded
 * @throws RangeError if the bytes end too early, Error if they are not a protocol buffer
 */
export function checkLimits(bytes: Uint8Array): void {
  new Scanner(bytes).message('model', bytes.length, 0);
}

class Scanner {
  private at = 0;
  private readonly counts = new Map<Counted, number>();

  constructor(private readonly bytes: Uint8Array) {}

  message(kind: MessageName, end: number, depth: number): void {
    const fields = FIELDS[kind];
    const nesting = depth + (kind === 'graph' ? 1 : 0);
    if (nesting > LIMITS.nesting) throw tooMany(`graphs nested more than ${LIMITS.nesting} deep`);
    let dims = 0;
    while (this.at < end) {
      const tag = this.varint(end);
      const number = Math.floor(tag / 8);
      const wire = tag % 8;
      if (number === 0) throw new Error('field 0');
      const field = fields[number] ?? UNKNOWN;
      const content = this.skipTo(wire, end);
      const count = field.packed && wire === 2 ? this.varintsIn(content) : 1;
      if (field.counts) this.count(field.counts, count);
      if (field.counts === 'allDims') dims += count;
      if (dims > LIMITS.dims)
        throw tooMany(`a ${kind === 'shape' ? 'shape' : kind} of more than ${LIMITS.dims} dimensions`);
      if (field.message && wire === 2) this.message(field.message, content, nesting);
      this.at = content;
    }
  }

  private count(what: Counted, more: number): void {
    const count = (this.counts.get(what) ?? 0) + more;
    if (count > LIMITS[what]) throw tooMany(`more than ${LIMITS[what].toLocaleString('en')} ${WORDS[what]}`);
    this.counts.set(what, count);
  }

  /** The end of a field's content. A length-delimited field is left at the start of its content. */
  private skipTo(wire: number, end: number): number {
    let to = this.at;
    if (wire === 0) {
      this.varint(end);
      to = this.at;
    } else if (wire === 1) to += 8;
    else if (wire === 5) to += 4;
    else if (wire === 2) {
      const length = this.varint(end);
      to = this.at + length;
    } else if (wire !== 3 && wire !== 4) throw new Error(`wire type ${wire}`);
    if (to > end) throw new RangeError('the bytes end within a field');
    return to;
  }

  private varint(end: number): number {
    let value = 0;
    for (let i = 0; i < 10; i++) {
      if (this.at >= end) throw new RangeError('the bytes end within a number');
      const byte = this.bytes[this.at++];
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) return value;
    }
    throw new Error('a number of more than 10 bytes');
  }

  private varintsIn(end: number): number {
    let count = 0;
    for (let i = this.at; i < end; i++) if (this.bytes[i] < 0x80) count++;
    return count;
  }
}

const tooMany = (what: string): ThawError =>
  new ThawError(
    'bad-model',
    `the model has ${what}`,
    'Thaw refuses such files: export the model again, in a simpler form',
  );
