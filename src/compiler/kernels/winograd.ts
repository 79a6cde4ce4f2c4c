/**
 * Winograd's convolution F(4x4, 3x3): tiles of 4x4 results from tiles of 6x6 elements, with 36 products for each pair of channels instead
 * of 144. (Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2016.)
 *
 * With Y = Aᵀ[(G·w·Gᵀ) ⊙ (Bᵀ·x·B)]A, each transform of a tile is one product with a Kronecker product: all of the maps' tiles in one matrix.
 */
import { type Dimension, type GraphBuilder, product, tensor, type Value } from '../../onnx/index.ts';

const KERNEL = 3;
const TILE = 4;
/** Elements under a tile, along an axis. */
const SEEN = TILE + KERNEL - 1;
const POINTS = SEEN * SEEN;

/** With fewer channels, the transforms' passes over memory cost more than the products that they save. */
const MANY_CHANNELS = 128;

const B = [
  [4, 0, -5, 0, 1, 0],
  [0, -4, -4, 1, 1, 0],
  [0, 4, -4, -1, 1, 0],
  [0, -2, -1, 2, 1, 0],
  [0, 2, -1, -2, 1, 0],
  [0, 4, 0, -5, 0, 1],
];
const G = [
  [1 / 4, 0, 0],
  [-1 / 6, -1 / 6, -1 / 6],
  [-1 / 6, 1 / 6, -1 / 6],
  [1 / 24, 1 / 12, 1 / 6],
  [1 / 24, -1 / 12, 1 / 6],
  [0, 0, 1],
];
const A = [
  [1, 1, 1, 1, 1, 0],
  [0, 1, -1, 2, -2, 0],
  [0, 1, 1, 4, 4, 0],
  [0, 1, -1, 8, -8, 1],
];

/** A convolution of maps, its sizes as far as they matter here. */
export interface Winograd {
  readonly filters: number;
  readonly channels: number;
  readonly spatial: readonly number[];
  readonly out: readonly number[];
  /** At the start of both axes. */
  readonly begins: readonly number[];
}

interface Call {
  readonly filters: number;
  readonly channels: number;
  readonly kernel: readonly number[];
  readonly group: number;
  readonly strides?: readonly number[];
  readonly dilations?: readonly number[];
}

/** Whether this form applies and is fast. */
export const suitsWinograd = ({ filters, channels, kernel, group, strides = [], dilations = [] }: Call): boolean =>
  group === 1 &&
  kernel.length === 2 &&
  kernel.every((k) => k === KERNEL) &&
  [...strides, ...dilations].every((d) => d === 1) &&
  Math.min(filters, channels) >= MANY_CHANNELS;

/** G·w·Gᵀ of filters `[9, C, O]`: `[36, C, O]`. */
export function transformedFilter(b: GraphBuilder, w: Value): Value {
  const [taps, channels, filters] = w.shape as readonly number[];
  const all = b.matmul(kronecker(b, G), b.reshape(w, [taps, channels * filters]));
  return b.reshape(all, [POINTS, channels, filters]);
}

/**
 * @param x map with the channels last, `[N, H, W, C]`
 * @param filter result of `transformedFilter`
 * @returns `[N, H', W', O]`
 */
export function winograd(b: GraphBuilder, sizes: Winograd, x: Value, filter: Value): Value {
  const { filters, out } = sizes;
  const [n] = x.shape;
  const grid = gridOf(out);
  const products = b.matmul(transformedMap(b, sizes, x, grid), filter);
  const results = b.matmul(kronecker(b, A), b.reshape(products, [POINTS, product([n, grid.tiles * filters])]));
  const byTile = b.reshape(results, [product([n, TILE * TILE * grid.tiles]), filters]);
  return b.reshape(b.gather(byTile, indicesOfResults(b, out, x, grid), 0), [n, ...out, filters]);
}

/**
 * ∂w, the transpose of the form above as a function of w: Gᵀ·[Σ (Bᵀ·x·B) ⊙ (A·∂y·Aᵀ)]·G, summed over all tiles.
 *
 * @param x map with the channels last, `[N, H, W, C]`
 * @param dy `[N, H', W', O]`
 * @returns `[9, C, O]`
 */
export function winogradWeightGradient(b: GraphBuilder, sizes: Winograd, x: Value, dy: Value): Value {
  const { filters, channels, out } = sizes;
  const grid = gridOf(out);
  const seen = tilesOf(b, dy, { spatial: out, begins: [0, 0], side: TILE }, grid);
  const gradients = b.matmul(kronecker(b, transposed(A)), seen);
  const all = product([dy.shape[0], grid.tiles]);
  const sums = b.fusedMatMul(transformedMap(b, sizes, x, grid), b.reshape(gradients, [POINTS, all, filters]), {
    transA: true,
  });
  const taps = b.matmul(kronecker(b, transposed(G)), b.reshape(sums, [POINTS, channels * filters]));
  return b.reshape(taps, [KERNEL * KERNEL, channels, filters]);
}

/** Tiles of results, in rows. */
interface Grid {
  readonly columns: number;
  readonly tiles: number;
}

function gridOf(out: readonly number[]): Grid {
  const [rows, columns] = out.map((length) => Math.ceil(length / TILE));
  return { columns, tiles: rows * columns };
}

/** Bᵀ·x·B of all tiles: `[36, N·tiles, C]`. */
function transformedMap(b: GraphBuilder, sizes: Winograd, x: Value, grid: Grid): Value {
  const { channels, spatial, begins } = sizes;
  const seen = tilesOf(b, x, { spatial, begins, side: SEEN }, grid);
  const points = b.matmul(kronecker(b, B), seen);
  return b.reshape(points, [POINTS, product([x.shape[0], grid.tiles]), channels]);
}

/** Tiles of `side` by `side` elements of a map. They start `begins` before the first element, `TILE` elements apart. */
interface Tiling {
  readonly spatial: readonly number[];
  readonly begins: readonly number[];
  readonly side: number;
}

/** The elements under all tiles of a map `[N, H, W, C]`, zero outside of it: `[side², N·tiles·C]`. */
function tilesOf(b: GraphBuilder, x: Value, tiling: Tiling, grid: Grid): Value {
  const [n, height, width, channels] = x.shape as readonly [Dimension, number, number, number];
  const positions = height * width;
  // Each sample's first row is zero.
  const zeroShape = b.concat([sizeOf(b, x), b.ints([1, channels])], 0);
  const [zero] = b.emit('Expand', [b.scalar(0), zeroShape], [{ type: x.type, shape: [n, 1, channels] }]);
  const pixels = b.concat([zero, b.reshape(x, [n, positions, channels])], 1);
  const rows = b.reshape(pixels, [product([n, positions + 1]), channels]);
  const seen = b.gather(rows, indicesOfTiles(b, tiling, x, grid), 0);
  return b.reshape(seen, [tiling.side ** 2, product([n, grid.tiles * channels])]);
}

/** The rows of elements under each tile, `[side², N, tiles]`. */
function indicesOfTiles(b: GraphBuilder, { spatial, begins, side }: Tiling, x: Value, { columns, tiles }: Grid) {
  const [height, width] = spatial;
  const places = range(side ** 2).flatMap((point) =>
    range(tiles).map((tile) => {
      const row = Math.floor(tile / columns) * TILE + Math.floor(point / side) - begins[0];
      const column = (tile % columns) * TILE + (point % side) - begins[1];
      return row >= 0 && row < height && column >= 0 && column < width ? 1 + row * width + column : 0;
    }),
  );
  const ofSample = b.mul(samples(b, x, [1, x.shape[0], 1]), height * width + 1);
  return b.add(integers(b, places, [side ** 2, 1, tiles]), ofSample);
}

/** The rows of results for each position, `[N, H'·W']`: the results are in the order `[16, N, tiles]`. */
function indicesOfResults(b: GraphBuilder, [height, width]: readonly number[], x: Value, { columns, tiles }: Grid) {
  const positions = range(height * width).map((at) => [Math.floor(at / width), at % width]);
  const within = positions.map(([row, column]) => (row % TILE) * TILE + (column % TILE));
  const tile = positions.map(([row, column]) => Math.floor(row / TILE) * columns + Math.floor(column / TILE));
  const shape = [1, positions.length];
  const each = b.mul(integers(b, within, shape), b.mul(sizeOf(b, x), tiles));
  const ofSample = b.mul(samples(b, x, [x.shape[0], 1]), tiles);
  return b.add(b.add(each, integers(b, tile, shape)), ofSample);
}

/** 0, 1, …, N − 1 for the samples of x. */
function samples(b: GraphBuilder, x: Value, shape: readonly Dimension[]): Value {
  const limit = b.reshape(sizeOf(b, x), []);
  const inputs = [b.scalar(0, 'int64'), limit, b.scalar(1, 'int64')];
  const [all] = b.emit('Range', inputs, [{ type: 'int64', shape: [x.shape[0]] }]);
  return b.reshape(all, shape);
}

const sizeOf = (b: GraphBuilder, x: Value): Value => b.slice(b.shapeOf(x), 0, 0, 1);

const integers = (b: GraphBuilder, values: readonly number[], shape: readonly number[]): Value =>
  b.constant(tensor('int64', shape, BigInt64Array.from(values, BigInt)), 'places');

/** M ⊗ M, so that it transforms both axes of a tile at once. */
function kronecker(b: GraphBuilder, matrix: readonly (readonly number[])[]): Value {
  const [rows, columns] = [matrix.length, matrix[0].length];
  const data = Float32Array.from({ length: (rows * columns) ** 2 }, (_, i) => {
    const [row, column] = [Math.floor(i / columns ** 2), i % columns ** 2];
    return matrix[Math.floor(row / rows)][Math.floor(column / columns)] * matrix[row % rows][column % columns];
  });
  return b.constant(tensor('float32', [rows ** 2, columns ** 2], data), 'transform');
}

const transposed = (matrix: readonly (readonly number[])[]): number[][] =>
  matrix[0].map((_, column) => matrix.map((row) => row[column]));

const range = (length: number) => Array.from({ length }, (_, i) => i);
