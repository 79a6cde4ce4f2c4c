import {
  arrayOf,
  bytesOf,
  elementCount,
  entryCount,
  isStatic,
  type Tensor,
  tensorFromBytes,
  type Value,
} from '../../onnx/index.ts';

/** A batch's values cut into rows, a row being the bytes of one picture's part of each value, one after the other. */
export class RowFormat {
  private readonly parts: readonly { readonly value: Value; readonly bytes: number; readonly at: number }[];
  /** Of a row. */
  readonly bytes: number;

  /** @param values that `isByPicture` */
  constructor(readonly values: readonly Value[]) {
    let at = 0;
    this.parts = values.map((value) => {
      const bytes = elementCount(value.shape.slice(1) as number[]) * arrayOf(value.type)!.BYTES_PER_ELEMENT;
      at += bytes;
      return { value, bytes, at: at - bytes };
    });
    this.bytes = at;
  }

  /** The rows as a batch; `count` of them, the last one repeated where there are fewer. */
  stack(rows: readonly Uint8Array[], count = rows.length): Record<string, Tensor> {
    return Object.fromEntries(
      this.parts.map(({ value: { name, type, shape }, bytes, at }) => {
        const all = new Uint8Array(bytes * count);
        for (let i = 0; i < count; i++) {
          all.set(rows[Math.min(i, rows.length - 1)].subarray(at, at + bytes), bytes * i);
        }
        return [name, tensorFromBytes(type, [count, ...(shape.slice(1) as number[])], all)];
      }),
    );
  }

  /** The first `count` rows of a batch, copied. */
  cut(batch: Readonly<Record<string, Tensor>>, count: number): Uint8Array[] {
    return Array.from({ length: count }, (_, i) => {
      const row = new Uint8Array(this.bytes);
      for (const { value, bytes, at } of this.parts) {
        row.set(bytesOf(batch[value.name]).subarray(bytes * i, bytes * (i + 1)), at);
      }
      return row;
    });
  }
}

/** Whether a value is `[batch, …]`, all other sizes known, and its elements whole bytes: whether it can be cut into rows. */
export const isByPicture = ({ type, shape }: Value, batch: string): boolean =>
  shape[0] === batch && isStatic(shape.slice(1)) && arrayOf(type) !== undefined && entryCount(type, [8]) === 8;
