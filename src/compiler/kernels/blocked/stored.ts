/**
 * Filters that stay in blocks between steps: parameters and their optimizer state of the same shape. Their elements have the order that
 * convolutions read, so that no step has to reorder them.
 */
import type { Tensor } from '../../../onnx/index.ts';

/** A filter that is kept in blocks. */
export interface Stored {
  /** In the standard order: `[O, I, kh, kw]`. */
  readonly shape: readonly number[];
  /** Channels in a block. */
  readonly block: number;
}

/** `[O/B, I/B, kh·kw, B inputs, B outputs]` */
export type StoredShape = readonly [number, number, number, number, number];

/** The stored shape of a filter `[O, I, kh, kw]` of whole blocks. */
export const storedShape = ([o, i, kh, kw]: readonly number[], size: number): StoredShape => [
  o / size,
  i / size,
  kh * kw,
  size,
  size,
];

/** A copy with the elements in block order. */
export function toStored(tensor: Tensor, { shape, block }: Stored): Tensor {
  const data = floatsOf(tensor);
  const copy = new Float32Array(data.length);
  eachRow(shape, block, (from, stride, to) => {
    for (let o = 0; o < block; o++) copy[to + o] = data[from + o * stride];
  });
  return { type: tensor.type, shape: storedShape(shape, block), data: copy };
}

/** A copy with the elements in the standard order. */
export function fromStored(tensor: Tensor, { shape, block }: Stored): Tensor {
  const data = floatsOf(tensor);
  const copy = new Float32Array(data.length);
  eachRow(shape, block, (from, stride, to) => {
    for (let o = 0; o < block; o++) copy[from + o * stride] = data[to + o];
  });
  return { type: tensor.type, shape, data: copy };
}

function floatsOf({ type, data }: Tensor): Float32Array {
  if (data instanceof Float32Array) return data;
  throw new Error(`a stored filter is ${type}, not float32`);
}

/** Calls with the place of an output's element, the stride to the next output, and the start of the block's elements. */
function eachRow(
  [outputs, inputs, kh, kw]: readonly number[],
  size: number,
  call: (standard: number, stride: number, stored: number) => void,
): void {
  const taps = kh * kw;
  let to = 0;
  for (let o = 0; o < outputs; o += size) {
    for (let i = 0; i < inputs; i += size) {
      for (let tap = 0; tap < taps; tap++) {
        for (let input = i; input < i + size; input++, to += size)
          call((o * inputs + input) * taps + tap, inputs * taps, to);
      }
    }
  }
}
