/**
 * Filters that stay in blocks from step to step: parameters, with the optimizer's state of the same shape, whose elements lie in memory
 * as the convolutions take them, so that nothing reorders them before each step and after it.
 */
import type { Tensor } from '../../../onnx/index.ts';

/** A filter that is kept in blocks. */
export interface Stored {
  /** In the standard order: `[O, I, kh, kw]`. */
  readonly shape: readonly number[];
  /** Channels in a block. */
  readonly block: number;
}

/** The shape by which a filter `[O, I, kh, kw]` of whole blocks is kept: `[O/B, I/B, kh·kw, B inputs, B outputs]`. */
export const storedShape = ([o, i, kh, kw]: readonly number[], size: number): number[] => [
  o / size,
  i / size,
  kh * kw,
  size,
  size,
];

/** A copy with the elements in the order that they are kept in. */
export function toStored({ type, data }: Tensor, { shape, block }: Stored): Tensor {
  const copy = new Float32Array(data.length);
  eachRow(shape, block, (from, stride, to) => {
    for (let o = 0; o < block; o++) copy[to + o] = (data as Float32Array)[from + o * stride];
  });
  return { type, shape: storedShape(shape, block), data: copy };
}

/** A copy with the elements in the standard order. */
export function fromStored({ type, data }: Tensor, { shape, block }: Stored): Tensor {
  const copy = new Float32Array(data.length);
  eachRow(shape, block, (from, stride, to) => {
    for (let o = 0; o < block; o++) copy[from + o * stride] = (data as Float32Array)[to + o];
  });
  return { type, shape, data: copy };
}

/** Calls with the place of one output's element, the way to the next output's, and the place where a block's lie side by side. */
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
