import { arrayFrom, type GraphBuilder, tensor, type Value } from '../../../onnx/index.ts';

import type { Plane, PlaneFilter } from './region.ts';
import type { StoredShape } from './stored.ts';

/**
 * Filters in the order that blocked convolutions read. A `Transpose` that moves single elements is slow. A `Transpose` of a whole matrix,
 * a `Gather` of rows and moves of whole blocks are fast, so every reordering is composed of these.
 *
 * Each function gives a filter as `[outputs/B, inputs/B, kh, kw, B·B]` (depthwise: `[C/B, 1, kh, kw, B]`), from which taps can be sliced.
 */
export type FilterInBlocks = Value<readonly [number, number, number, number, number]>;

/** A filter of one tap by channel that changes nothing, for a convolution that adds a bias or another map, or applies an activation. */
export function unchanging(b: GraphBuilder, channels: number): Value<PlaneFilter> {
  const data = new Float32Array(channels).fill(1);
  return b.constant({ type: 'float32', shape: [channels, 1, 1, 1], data }, 'ones');
}

/** w `[O, I, kh, kw]` in blocks: `[O/B, I/B, taps, B inputs, B outputs]`. */
export function forwardFilter(b: GraphBuilder, w: Value<PlaneFilter>, size: number): FilterInBlocks {
  const whole = filled(b, w, size);
  const [o, i, kh, kw] = whole.shape;
  const taps = kh * kw;
  const rows = b.transpose(b.reshape(whole, [o, i * taps]), [1, 0]);
  const order = blocksOf(i, size).flatMap((inputs) => range(taps).flatMap((t) => inputs.map((c) => c * taps + t)));
  return moved(b, gathered(b, rows, order), [i / size, o], [kh, kw], size);
}

/** A stored filter with inputs and outputs exchanged and its taps rotated, like the result of `turnedFilter`. */
export function turnedStored(b: GraphBuilder, filter: Value<StoredShape>, [kh, kw]: readonly number[]): FilterInBlocks {
  const [outputs, inputs, taps, size] = filter.shape;
  const columns = b.transpose(b.reshape(filter, [outputs * inputs * taps * size, size]), [1, 0]);
  // Stands between the two, so that ONNX Runtime does not merge them into one `Transpose` that moves single elements.
  const reversed = b.gather(
    b.reshape(columns, [size * outputs * inputs, taps, size]),
    indices(b, range(taps).reverse()),
    1,
  );
  const blocks = b.transpose(b.reshape(reversed, [size, outputs, inputs, taps, size]), [2, 1, 3, 0, 4]);
  return b.reshape(blocks, [inputs, outputs, kh, kw, size * size]);
}

/** w with inputs and outputs exchanged and its taps rotated by 180°: `[I/B, O/B, taps, B outputs, B inputs]`. */
export function turnedFilter(b: GraphBuilder, w: Value<PlaneFilter>, size: number): FilterInBlocks {
  const whole = filled(b, w, size);
  const [o, i, kh, kw] = whole.shape;
  const taps = kh * kw;
  // [O, I·taps] → [I·taps, O] = [I, taps·O] → [taps·O, I]; a row holds all inputs of one output's tap.
  const matrix = b.transpose(b.reshape(whole, [o, i * taps]), [1, 0]);
  const rows = taps === 1 ? b.reshape(whole, [o, i]) : b.transpose(b.reshape(matrix, [i, taps * o]), [1, 0]);
  const order = blocksOf(o, size).flatMap((outputs) =>
    range(taps).flatMap((t) => outputs.map((f) => (taps - 1 - t) * o + f)),
  );
  return moved(b, gathered(b, rows, order), [o / size, i], [kh, kw], size);
}

/** The depthwise filter w `[C, 1, kh, kw]` as `[C/B, taps, B]`, optionally with its taps rotated by 180°. */
export function channelFilter(b: GraphBuilder, w: Value<PlaneFilter>, size: number, turned: boolean): FilterInBlocks {
  const [channels, , kh, kw] = w.shape;
  const full = Math.ceil(channels / size) * size;
  const padded = b.pad(w, [0, 0, 0, 0], [full - channels, 0, 0, 0]);
  const taps = kh * kw;
  const blocks = b.transpose(b.reshape(padded, [full / size, size, taps]), [0, 2, 1]);
  const ordered = turned && taps > 1 ? b.gather(blocks, indices(b, range(taps).reverse()), 1) : blocks;
  return b.reshape(ordered, [full / size, 1, kh, kw, size]);
}

/** A filter over few channels that are not in blocks: `[O/B, I, taps, B outputs]`. */
export function plainFilter(b: GraphBuilder, w: Value<PlaneFilter>, size: number): Value<PlaneFilter> {
  const [o, i, kh, kw] = w.shape;
  const full = Math.ceil(o / size) * size;
  const padded = b.pad(w, [0, 0, 0, 0], [full - o, 0, 0, 0]);
  const rows = b.transpose(b.reshape(padded, [full, i * kh * kw]), [1, 0]);
  return b.reshape(b.transpose(b.reshape(rows, [i * kh * kw, full / size, size]), [1, 0, 2]), [full, i, kh, kw]);
}

// ------------------------------------------------------------------------------------------------------------------

/** Rows `[inputs/B · taps · B, outputs]` to `[outputs/B, inputs/B, kh, kw, B·B]`, by moving whole blocks. */
function moved(
  b: GraphBuilder,
  rows: Matrix,
  [blocks, outputs]: readonly [number, number],
  [kh, kw]: Plane,
  size: number,
): FilterInBlocks {
  const [count] = rows.shape;
  const split = b.transpose(b.reshape(rows, [count, outputs / size, size]), [1, 0, 2]);
  return b.reshape(split, [outputs / size, blocks, kh, kw, size * size]);
}

function filled(b: GraphBuilder, w: Value<PlaneFilter>, size: number): Value<PlaneFilter> {
  const [o, i] = w.shape;
  const missing = (n: number) => Math.ceil(n / size) * size - n;
  return b.pad(w, [0, 0, 0, 0], [missing(o), missing(i), 0, 0]);
}

type Matrix = Value<readonly [number, number]>;

/** The rows in another order. */
const gathered = (b: GraphBuilder, rows: Matrix, order: readonly number[]): Matrix =>
  order.every((row, i) => row === i) ? rows : b.reshape(b.gather(rows, indices(b, order), 0), rows.shape);

const indices = (b: GraphBuilder, values: readonly number[]): Value =>
  b.constant(tensor('int64', [values.length], arrayFrom('int64', values)), 'order');

const range = (length: number) => Array.from({ length }, (_, i) => i);

const blocksOf = (channels: number, size: number) =>
  range(channels / size).map((block) => range(size).map((i) => block * size + i));
