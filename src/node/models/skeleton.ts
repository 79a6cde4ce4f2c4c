/**
 * Reads an ONNX file without the data of its large tensors, and declares that data as external data of the file itself. So a model of any
 * size needs only a few bytes per tensor.
 */
import { joined } from '../../bytes.ts';
import { readInto } from './file-range.ts';

/** A field of a protobuf message, with the positions of its tag, contents and end in the file. */
interface Field {
  readonly number: number;
  readonly wire: number;
  readonly start: number;
  readonly body: number;
  readonly end: number;
}

// Field numbers in onnx.proto.
const GRAPH = 7;
const INITIALIZER = 5;
const RAW_DATA = 9;
const EXTERNAL_DATA = 13;
const DATA_LOCATION = 14;
const EXTERNAL = 1;

/** Bytes to read at a time. */
const WINDOW = 2 ** 16;

export class Skeleton {
  private readonly window = new Uint8Array(WINDOW);
  private from = 0;
  private until = 0;

  /**
   * @param least minimum bytes of a tensor that stays in the file
   * @param location location of the external data
   */
  constructor(
    private readonly descriptor: number,
    private readonly size: number,
    private readonly least: number,
    private readonly location: string,
  ) {}

  /** @returns undefined for a malformed file; a normal read then reports the reason */
  bytes(): Uint8Array | undefined {
    try {
      return joined(this.message(0, this.size, (field) => (field.number === GRAPH ? this.graph(field) : undefined)));
    } catch (error) {
      if (error instanceof Malformed) return undefined;
      throw error;
    }
  }

  private graph({ body, end }: Field): readonly Uint8Array[] {
    const parts = this.message(body, end, (field) => (field.number === INITIALIZER ? this.tensor(field) : undefined));
    return withLength(GRAPH, parts);
  }

  private tensor({ body, end }: Field): readonly Uint8Array[] | undefined {
    if (end - body < this.least) return undefined;
    const fields = [...this.fields(body, end)];
    const data = fields.filter(({ number, wire }) => number === RAW_DATA && wire === 2);
    const isExternal = fields.some(({ number }) => number === DATA_LOCATION || number === EXTERNAL_DATA);
    if (data.length !== 1 || isExternal || data[0].end - data[0].body < this.least) return undefined;
    const [raw] = data;
    const rest = fields.flatMap((field) => (field === raw ? [] : [this.copy(field.start, field.end)]));
    const entries = { location: this.location, offset: String(raw.body), length: String(raw.end - raw.body) };
    const external = Object.entries(entries).flatMap(([key, value]) =>
      withLength(EXTERNAL_DATA, [...withLength(1, [utf8(key)]), ...withLength(2, [utf8(value)])]),
    );
    const declared = Uint8Array.of(DATA_LOCATION << 3, EXTERNAL);
    return withLength(INITIALIZER, [...rest, ...external, declared]);
  }

  /** The fields of a message. `replaced` returns the new bytes of a field, or undefined to keep it. */
  private message(
    from: number,
    to: number,
    replaced: (field: Field) => readonly Uint8Array[] | undefined,
  ): readonly Uint8Array[] {
    const parts: Uint8Array[] = [];
    let copied = from;
    for (const field of this.fields(from, to)) {
      const instead = field.wire === 2 ? replaced(field) : undefined;
      if (!instead) continue;
      parts.push(this.copy(copied, field.start), ...instead);
      copied = field.end;
    }
    parts.push(this.copy(copied, to));
    return parts;
  }

  private *fields(from: number, to: number): Generator<Field> {
    for (let at = from; at < to; ) {
      const start = at;
      const tag = this.varint(start);
      const [number, wire] = [Math.floor(tag.value / 8), tag.value % 8];
      let body = tag.end;
      if (wire === 0) at = this.varint(body).end;
      else if (wire === 1) at = body + 8;
      else if (wire === 5) at = body + 4;
      else if (wire === 2) {
        const length = this.varint(body);
        body = length.end;
        at = body + length.value;
      } else throw new Malformed();
      if (at > to) throw new Malformed();
      yield { number, wire, start, body, end: at };
    }
  }

  private varint(at: number): { readonly value: number; readonly end: number } {
    let value = 0;
    for (let i = 0; i < 10; i++) {
      const byte = this.byte(at + i);
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) return { value, end: at + i + 1 };
    }
    throw new Malformed();
  }

  private byte(at: number): number {
    if (at >= this.size) throw new Malformed();
    if (at < this.from || at >= this.until) {
      const length = Math.min(WINDOW, this.size - at);
      readInto(this.descriptor, 'the model', this.window.subarray(0, length), at);
      this.from = at;
      this.until = at + length;
    }
    return this.window[at - this.from];
  }

  private copy(from: number, to: number): Uint8Array {
    const bytes = new Uint8Array(to - from);
    readInto(this.descriptor, 'the model', bytes, from);
    return bytes;
  }
}

class Malformed extends Error {}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A field with a message or text. */
function withLength(field: number, contents: readonly Uint8Array[]): readonly Uint8Array[] {
  const head: number[] = [(field << 3) | 2];
  let length = contents.reduce((all, part) => all + part.length, 0);
  for (; length >= 0x80; length = Math.floor(length / 0x80)) head.push((length % 0x80) | 0x80);
  return [Uint8Array.from([...head, length]), ...contents];
}
