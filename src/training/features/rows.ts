import type { RowSizes } from '../../data/index.ts';
import {
  arrayOf,
  bytesOf,
  elementCount,
  entryCount,
  sizeOf,
  symbolsOf,
  type Tensor,
  type Typed,
  tensorFromBytes,
  type Value,
} from '../../onnx/index.ts';

interface Part {
  readonly name: string;
  readonly type: Typed['type'];
  /** Of a row. */
  readonly shape: readonly number[];
  /** Length, and offset in the row. */
  readonly bytes: number;
  readonly at: number;
}

/** Cuts the values of a batch into rows. A row has the bytes of one sample: its part of each value, one after the other. */
export class RowFormat {
  readonly parts: readonly Part[];
  /** Of a row. */
  readonly bytes: number;

  /**
   * @param values that `isBySample`
   * @param sizes sizes of all symbols except the batch
   */
  constructor(values: readonly Value[], sizes: RowSizes) {
    let at = 0;
    this.parts = values.map(({ name, type, shape }) => {
      const rest = shape.slice(1).map((d) => sizeOf(d, sizes));
      const bytes = elementCount(rest) * arrayOf(type)!.BYTES_PER_ELEMENT;
      at += bytes;
      return { name, type, shape: rest, bytes, at: at - bytes };
    });
    this.bytes = at;
  }

  /** A batch of `count` rows. If there are fewer, the last one is repeated. Rows that lie together in memory are not copied. */
  stack(rows: readonly Uint8Array[], count = rows.length): Record<string, Tensor> {
    const together = this.parts.length === 1 && rows.length === count ? joined(rows) : undefined;
    if (together) {
      const [{ name, type, shape }] = this.parts;
      return { [name]: tensorFromBytes(type, [count, ...shape], together) };
    }
    return Object.fromEntries(
      this.parts.map(({ name, type, shape, bytes, at }) => {
        const all = new Uint8Array(bytes * count);
        for (let i = 0; i < count; i++) {
          all.set(rows[Math.min(i, rows.length - 1)].subarray(at, at + bytes), bytes * i);
        }
        return [name, tensorFromBytes(type, [count, ...shape], all)];
      }),
    );
  }

  /** The rows of a batch. They must not change: if there is one value, they are views of its memory. */
  view(batch: Readonly<Record<string, Tensor>>): Uint8Array[] {
    const [{ name, bytes }] = this.parts;
    const count = batch[name].shape[0];
    if (this.parts.length > 1) return this.cut(batch, count);
    const all = bytesOf(batch[name]);
    return Array.from({ length: count }, (_, i) => all.subarray(bytes * i, bytes * (i + 1)));
  }

  /** The first `count` rows of a batch, copied. */
  cut(batch: Readonly<Record<string, Tensor>>, count: number): Uint8Array[] {
    return Array.from({ length: count }, (_, i) => {
      const row = new Uint8Array(this.bytes);
      for (const { name, bytes, at } of this.parts) {
        row.set(bytesOf(batch[name]).subarray(bytes * i, bytes * (i + 1)), at);
      }
      return row;
    });
  }
}

/** The rows as one piece of memory; undefined if they are not one after the other. */
function joined(rows: readonly Uint8Array[]): Uint8Array | undefined {
  const [{ buffer, byteOffset, byteLength }] = rows;
  const follows = (row: Uint8Array, i: number) =>
    row.buffer === buffer && row.byteOffset === byteOffset + i * byteLength && row.byteLength === byteLength;
  return rows.every(follows) ? new Uint8Array(buffer, byteOffset, rows.length * byteLength) : undefined;
}

/**
 * Whether a value can be cut into rows: it is `[batch, …]`, its other sizes follow from those of the rows, and its elements are whole bytes.
 *
 * @param rows names of the sizes that all rows of a batch share
 */
export const isBySample = ({ type, shape }: Value, batch: string, rows: readonly string[]): boolean =>
  shape[0] === batch &&
  shape.slice(1).every((d) => symbolsOf(d).every((symbol) => rows.includes(symbol))) &&
  arrayOf(type) !== undefined &&
  entryCount(type, [8]) === 8;
