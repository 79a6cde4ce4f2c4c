import { product, type Shape, type Value } from '../../../onnx/index.ts';
import { type Geometry, isUnstrided } from '../convolution/geometry.ts';
import { heldInPlace } from '../late.ts';
import { sumOverBatch } from '../scan.ts';
import { beyondPeriod, type Passage, periodOf } from './apart.ts';
import { convolve } from './convolve.ts';
import { along, copied } from './copies.ts';
import type { Plane, PlaneMap, Region } from './region.ts';
import { type StoredShape, storedShape } from './stored.ts';

/** With this many positions, each image gets its own convolution: a whole batch would not stay in the caches. */
const MANY_POSITIONS = 128;

/** Blocks of filters that ONNX Runtime processes together. They and their part of ∂y should fit into a core's L2 cache. */
const BLOCKS_AT_ONCE = 4;
const CACHED_BYTES = 2 ** 20;

/** A map whose channels are in groups of `inner` adjacent ones: its bytes are in the order `[N, outer, H, W, inner]`. */
interface GroupedMap {
  readonly value: Value<PlaneMap>;
  readonly outer: number;
  readonly inner: number;
}

/**
 * Whether ∂w is written as a convolution in which ∂y is the filter. If the taps' columns were more than one pixel apart, the columns
 * between them would have to be skipped.
 */
export const suitsDirect = ({ dilations }: Geometry): boolean => dilations[1] === 1;

type MapValue = Value<PlaneMap>;
type Sizes = Geometry<Plane>;

/**
 * ∂w of a map and a gradient in blocks, in the order of stored filters: `[O/B, I/B, taps, B inputs, B outputs]`.
 *
 * @param x map in blocks
 * @param dy map in blocks
 */
export function directStoredGradient(region: Region, sizes: Sizes, x: MapValue, dy: MapValue): Value<StoredShape> {
  const { b, size } = region;
  const { filters, channels, kernel } = sizes;
  const blocks = b.transpose(gradientOf(region, sizes, x, dy), [1, 0, 2, 3, 4]);
  return heldInPlace(b, b.reshape(blocks, storedShape([filters, channels, ...kernel], size)), dy);
}

/** The same in the standard order. */
export function directWeightGradient(region: Region, sizes: Sizes, x: MapValue, dy: MapValue): Value {
  if (sizes.group > 1) return groupedGradient(region, sizes, x, dy);
  return inStandardOrder(region, sizes, gradientOf(region, sizes, x, dy));
}

/**
 * ∂w of groups of whole blocks, in the standard order. The n-th blocks of all groups are one map of as many channels as there are groups.
 * In a grouped convolution, each of them meets the filters of its own group only.
 */
function groupedGradient(region: Region, sizes: Sizes, x: MapValue, dy: MapValue): Value {
  const { b, size } = region;
  const { group, filters, channels, kernel, strides, dilations, begins, spatial, out } = sizes;
  const blocks = channels / group / size;
  const [rows, columns] = kernel;
  // The rows that the windows see, without the padding at the start.
  const seen = (out[0] - 1) * strides[0] + (rows - 1) * dilations[0] + 1 - begins[0];
  const pads = [begins[0], 0, Math.max(0, seen - spatial[0]), 0];
  const start = b.expand(b.scalar(0), [blocks, filters, rows, columns * size]);
  const sum = sumOverBatch(b, [x, dy], start, (before, [image, gradient]) => {
    const wide = withinPads(region, sizes, inBlocks(region, b.reshape(image, [1, channels, ...spatial])), spatial[0]);
    const row = wide.shape[3] * size;
    const all = rowsOf(region, b.reshape(wide, [group, blocks, spatial[0], row]), 2, 0, Math.min(spatial[0], seen));
    const each = filters / group;
    const maps = b.reshape(gradient, [filters, ...out]);
    const products = Array.from({ length: blocks }, (_, i) => {
      const nth = rowsOf(region, all, 1, i, i + 1);
      const parts = partsOf(group, size).map(([from, to]) => {
        const map = b.reshape(rowsOf(region, nth, 0, from, to), [1, to - from, all.shape[2], row]);
        const filter = b.reshape(rowsOf(region, maps, 0, from * each, to * each), [(to - from) * each, 1, ...out]);
        return correlate(region, { ...sizes, group: to - from }, { x: map, inner: size, filter, pads });
      });
      return b.concat(parts, 1);
    });
    return b.add(before, b.concat(products, 0));
  });
  // The bytes of [blocks, filters, rows, columns · B] are in the order of filters in blocks.
  const taps = b.reshape(sum, [blocks, filters / size, rows * columns, size, size]);
  return b.reshape(b.transpose(taps, [1, 4, 0, 3, 2]), [filters, blocks * size, rows, columns]);
}

/** Of two maps in blocks: `[I/B, O/B, taps, B inputs, B outputs]`. */
function gradientOf(region: Region, sizes: Sizes, x: MapValue, dy: MapValue): Taps {
  const { b } = region;
  const mirror = mirrored(region, sizes);
  if (!mirror) return blocksOf(region, sizes, inBlocks(region, x), dy);
  const exchanged = b.transpose(blocksOf(region, mirror, inBlocks(region, dy), x), [1, 0, 2, 4, 3]);
  return b.reverse(exchanged, 2);
}

/**
 * The exchanged form, for a stride of 1: ∂w[o, c, r, s] = Σ ∂y[o, i − r, j − s]·x[c, i, j] is a convolution of ∂y with x as the filter. It
 * is faster if ∂y has too few channels to fill the blocks that ONNX Runtime processes together.
 */
function mirrored({ size }: Region, sizes: Sizes): Sizes | undefined {
  const { filters, channels, kernel, dilations, begins, ends, spatial, out } = sizes;
  const [first, last] = [begins, ends].map((pads) => pads.map((pad, i) => (kernel[i] - 1) * dilations[i] - pad));
  const suits = filters < channels && filters < BLOCKS_AT_ONCE * size && isUnstrided(sizes);
  if (!suits || [...first, ...last].some((pad) => pad < 0)) return undefined;
  return {
    ...sizes,
    filters: channels,
    channels: filters,
    begins: first,
    ends: last,
    spatial: out,
    out: spatial,
    positions: product(spatial),
  };
}

/** ∂w for few channels that are not in blocks, such as an image's. */
export function directPlainGradient(region: Region, sizes: Sizes, x: MapValue, dy: MapValue): Value {
  return inStandardOrder(region, sizes, blocksOf(region, sizes, { value: x, outer: sizes.channels, inner: 1 }, dy));
}

const inBlocks = ({ size }: Region, value: MapValue): GroupedMap => ({
  value,
  outer: value.shape[1] / size,
  inner: size,
});

/** `[outer, O/B, taps, inner, B]` */
type Taps = Value<readonly [number, number, number, number, number]>;

/** `[outer, O/B, taps, inner, B]` to `[O, I, kh, kw]`. */
function inStandardOrder({ b }: Region, { filters, channels, kernel }: Sizes, blocks: Taps): Value {
  const [outer, outputs, , inner, size] = blocks.shape;
  const ordered = b.transpose(blocks, [1, 4, 0, 3, 2]);
  const whole = b.reshape(ordered, [outputs * size, outer * inner, ...kernel]);
  const some = outputs * size === filters ? whole : b.slice(whole, 0, 0, filters);
  return outer * inner === channels ? some : b.slice(some, 1, 0, channels);
}

/**
 * ∂w[o, c, r, s] = Σ ∂y[o, i, j]·x[c, σi + r, σj + s] is a convolution of each of x's channels with ∂y, dilated by the strides σ. ONNX
 * Runtime reads maps of few channels in the standard order, so a map of one channel and W·B columns has the bytes of a block of x, with B
 * columns for each pixel. Filters over a single channel have the order of ∂y in blocks. So nothing is moved, and there is no im2col.
 */
function blocksOf(region: Region, sizes: Sizes, x: GroupedMap, dy: MapValue): Taps {
  const { b, size } = region;
  const { kernel, positions } = sizes;
  const atOnce = positions < MANY_POSITIONS && beyondPeriod(rowsIn(sizes)) >= 0;
  const sum = (atOnce ? stacked : byImage)(region, sizes, x, dy);
  const [, filters] = dy.shape;
  return b.reshape(sum, [x.outer, filters / size, product(kernel), x.inner, size]);
}

/** Processes one image after the other, in bands of rows that stay in the caches. */
function byImage(region: Region, sizes: Sizes, x: GroupedMap, dy: MapValue): Value {
  const { b, size } = region;
  const { kernel, spatial, out, strides, dilations, begins, positions } = sizes;
  const { outer, inner } = x;
  const [, filters] = dy.shape;
  const [, ...row] = x.value.shape;
  const bytes = 4 * positions * Math.min(filters, BLOCKS_AT_ONCE * size);
  const bands = Math.min(out[0], Math.ceil(bytes / CACHED_BYTES));
  const start = b.expand(b.scalar(0), [outer, filters, kernel[0], kernel[1] * inner]);
  return sumOverBatch(b, [x.value, dy], start, (before, [image, gradient]) => {
    const map = b.reshape(image, [1, ...row]);
    const wide = withinPads(region, sizes, { value: map, outer, inner }, spatial[0]);
    const padded = b.reshape(wide, [outer, 1, spatial[0], wide.shape[3] * inner]);
    const rows = b.reshape(gradient, [filters / size, out[0], out[1] * size]);
    return Array.from({ length: bands }, (_, i) => [i, i + 1].map((at) => Math.floor((at * out[0]) / bands))).reduce(
      (sum, [from, to]) => {
        // The rows of x that the band's windows see, from the padding at the start to the padding at the end.
        const first = from * strides[0] - begins[0];
        const last = (to - 1) * strides[0] + (kernel[0] - 1) * dilations[0] - begins[0];
        const seen = rowsOf(region, padded, 2, Math.max(0, first), Math.min(spatial[0], last + 1));
        const band = rowsOf(region, rows, 1, from, to);
        const pads = [Math.max(0, -first), 0, Math.max(0, last + 1 - spatial[0]), 0];
        const filter = b.reshape(band, [filters, 1, to - from, out[1]]);
        return correlate(region, sizes, { x: seen, inner, filter, pads, sum });
      },
      before,
    );
  });
}

/** ONNX Runtime takes maps in the standard order only if they have fewer channels than a block, or whole blocks of them. */
function partsOf(groups: number, size: number): (readonly [from: number, to: number])[] {
  const count = groups % size === 0 ? 1 : Math.ceil(groups / (size - 1));
  return Array.from({ length: count }, (_, i) => [
    Math.floor((i * groups) / count),
    Math.floor(((i + 1) * groups) / count),
  ]);
}

const rowsOf = ({ b }: Region, x: Value, axis: number, from: number, to: number): Value =>
  to - from === x.shape[axis] ? x : b.slice(x, axis, from, to);

/** Stacks all images vertically, with enough rows of zeros between them that no window sees two images. */
function stacked(region: Region, sizes: Sizes, x: GroupedMap, dy: MapValue): Value {
  const { b, size } = region;
  const { out, strides, begins } = sizes;
  const [n, filters] = dy.shape;
  const rows = rowsIn(sizes);
  const period = periodOf(rows);
  const below = (value: MapValue, blocks: number, inner: number) => {
    const [, , rows, columns] = value.shape;
    const moved = b.transpose(b.reshape(value, [n, blocks, rows * columns * inner]), [1, 0, 2]);
    return b.reshape(moved, [blocks, 1, product([n, rows]), columns * inner]);
  };
  const images = withinPads(region, sizes, x, period * strides[0]);
  const gradients = copied(region, dy, [along(out[0], 0, period), along(out[1], 0, out[1])]);
  return correlate(region, sizes, {
    x: below(images, x.outer, x.inner),
    inner: x.inner,
    filter: b.reshape(below(gradients, filters / size, size), [filters, 1, product([n, period]), out[1]]),
    pads: [begins[0], 0, beyondPeriod(rows), 0],
  });
}

const rowsIn = ({ spatial, out, kernel, strides, dilations, begins }: Sizes): Passage => ({
  length: spatial[0],
  out: out[0],
  kernel: kernel[0],
  stride: strides[0],
  dilation: dilations[0],
  begin: begins[0],
});

/** x with all columns that ∂y's windows see, including the padding, and with rows of zeros below up to the given number. */
function withinPads(
  region: Region,
  { kernel, spatial, out, strides, begins }: Sizes,
  x: GroupedMap,
  rows: number,
): MapValue {
  const columns = strides[1] * (out[1] - 1) + kernel[1];
  const [height, width] = spatial;
  // A convolution uses every core; `Pad` uses one.
  return x.inner > 1
    ? copied(region, x.value, [along(height, 0, rows), along(width, -begins[1], columns)])
    : region.b.pad(x.value, [0, 0, 0, begins[1]], [0, 0, rows - height, columns - begins[1] - width]);
}

interface Correlation {
  /** `[outer, groups, rows, columns·inner]` */
  readonly x: Value;
  readonly inner: number;
  /** `[O, 1, rows, columns]`, in the order `[O/B, rows, columns, B]` */
  readonly filter: Value<readonly [number, ...Shape]>;
  readonly pads: readonly number[];
  readonly sum?: Value;
}

function correlate(region: Region, { group, kernel, strides, dilations }: Sizes, call: Correlation): Value {
  const { inner, ...rest } = call;
  return convolve(region, {
    ...rest,
    group,
    strides: [dilations[0], 1],
    dilations: [strides[0], strides[1] * inner],
    out: [kernel[0], kernel[1] * inner],
  });
}
