import type { Value } from '../../../onnx/index.ts';
import { convolve } from './convolve.ts';
import type { Activation, PlaneMap, Region } from './region.ts';

/** The positions p = stride·i + shift of x along an axis, for i from 0 to `out`. */
export interface Steps {
  readonly stride: number;
  readonly shift: number;
  readonly length: number;
  readonly out: number;
}

/** Positions without strides. */
export const along = (length: number, shift: number, out: number): Steps => ({ stride: 1, shift, length, out });

/** x at the given positions, zero outside: a depthwise convolution whose filter has a single 1. */
export function copied(
  region: Region,
  x: Value<PlaneMap>,
  steps: readonly [Steps, Steps],
  sum?: Value,
  activation?: Activation,
): Value<PlaneMap> {
  const { b, size } = region;
  const [, channels] = x.shape;
  const [rows, columns] = steps.map(({ stride, shift, length, out }) => {
    const begin = Math.max(0, -shift);
    const place = Math.max(0, shift);
    // The kernel is long enough that the pads at the end are not negative.
    const unpadded = length + begin - (out - 1) * stride;
    const kernel = Math.max(place + 1, unpadded - stride + 1);
    return { begin, place, kernel, end: Math.max(0, kernel - unpadded) };
  });
  const isWhole = rows.kernel === 1 && columns.kernel === 1 && steps.every(({ length, out }) => length === out);
  if (!sum && isWhole) return x;
  const taps = rows.kernel * columns.kernel;
  const place = rows.place * columns.kernel + columns.place;
  const data = Float32Array.from({ length: channels * taps }, (_, i) =>
    Math.floor(i / size) % taps === place ? 1 : 0,
  );
  return convolve(region, {
    x,
    filter: b.constant({ type: 'float32', shape: [channels, 1, rows.kernel, columns.kernel], data }, 'copy'),
    sum,
    group: channels,
    strides: steps.map(({ stride }) => stride),
    pads: [rows.begin, columns.begin, rows.end, columns.end],
    out: [steps[0].out, steps[1].out],
    activation,
  });
}
