import type { Value } from '../../../onnx/index.ts';
import { eachOfBatch } from '../scan.ts';
import { convolve } from './convolve.ts';
import { unchanging } from './filters.ts';
import type { Blocked, PlaneMap, Region } from './region.ts';

/** With fewer elements per sample, a loop over the samples costs more than broadcasting. */
const MANY_ELEMENTS = 2 ** 14;

export const isSmall = ([, channels, height, width]: PlaneMap): boolean => channels * height * width < MANY_ELEMENTS;

/** scale·x + shift, with one number `[N, C, 1, 1]` per sample and channel. */
export interface Affine {
  readonly map: Blocked;
  readonly scale?: Value;
  readonly shift?: Value;
}

/**
 * For each sample, a convolution of one tap by channel, in one pass over memory. Broadcasting would be one call for each row of a block.
 */
export function bySampleAndChannel(
  region: Region,
  { map: { value, channels }, scale, shift }: Affine,
): Value<PlaneMap> {
  const { b } = region;
  const [, full, height, width] = value.shape;
  const given = [scale, shift].filter((part) => part !== undefined).map((part) => filledRows(region, part, channels));
  const result = eachOfBatch(b, [value, ...given], ([x, ...rows]) => {
    return convolve(region, {
      x: b.reshape(x, [1, full, height, width]),
      filter: scale ? b.reshape(rows[0], [full, 1, 1, 1]) : unchanging(b, full),
      bias: shift ? rows.at(-1) : undefined,
      group: full,
      pads: [0, 0, 0, 0],
      out: [height, width],
    });
  });
  return b.reshape(result, value.shape);
}

/**
 * Σ over the positions of a product of two maps, `[N, filled C]`: for each sample, a convolution by channel with one map as the filter of
 * the other. Neither the product nor anything of its size is written.
 */
export function sumsOfProducts(region: Region, x: Value<PlaneMap>, y: Value<PlaneMap>): Value {
  const { b } = region;
  const [n, full, height, width] = x.shape;
  const sums = eachOfBatch(b, [x, y], ([one, other]) =>
    convolve(region, {
      x: b.reshape(one, [1, full, height, width]),
      filter: b.reshape(other, [full, 1, height, width]),
      group: full,
      pads: [0, 0, 0, 0],
      out: [1, 1],
    }),
  );
  return b.reshape(sums, [n, full]);
}

/** `[N, C, 1, 1]` as `[N, filled C]`, with zeros in the channels that fill the last block. */
function filledRows({ b, fill }: Region, value: Value, channels: number): Value {
  const rows = b.reshape(value, [value.shape[0], channels]);
  return b.pad(rows, [0, 0], [0, fill(channels) - channels]);
}
