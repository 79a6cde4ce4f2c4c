import { product, type Value } from '../../onnx/index.ts';
import type { Geometry } from '../convolution/geometry.ts';
import { heldInPlace } from '../late.ts';
import { sumOverBatch } from '../scan.ts';
import { copied } from './copies.ts';
import { sizesOf } from './layout.ts';
import { NCHWC, type Region } from './region.ts';
import { storedShape } from './stored.ts';

/** From so many positions on, the copies of one picture are large enough for a product of their own. */
const MANY_POSITIONS = 512;

/**
 * ∂w of an unstrided convolution as one product: ∂w[o, c, r, s] = Σ ∂y[o, h, w]·x[c, h + r, w + s] = Σ ∂y[o, h − r, w]·x[c, h, w + s].
 * So ∂y is copied once for each row of taps and x once for each of their columns: of a 3x3 filter 3 + 3 maps, where the columns of x are 9.
 *
 * @param x map in blocks
 * @param dy map in blocks
 */
export function separableWeightGradient(region: Region, sizes: Geometry, x: Value, dy: Value): Value {
  const { b } = region;
  const { filters, channels, kernel, taps } = sizes;
  const sum = productsOf(region, sizes, x, dy, false);
  const [rows, columns] = kernel;
  const byFilter = b.transpose(b.reshape(sum, [rows, filters, columns * channels]), [1, 0, 2]);
  const last = b.transpose(b.reshape(byFilter, [filters, taps, channels]), [0, 2, 1]);
  return b.reshape(last, [filters, channels, ...kernel]);
}

/** The same in the order that filters are stored in. */
export function separableFilterGradient(region: Region, sizes: Geometry, x: Value, dy: Value): Value {
  const { b, size } = region;
  const { filters, channels, kernel } = sizes;
  const sum = productsOf(region, sizes, x, dy, true);
  const [rows, columns] = kernel;
  const [inputs, outputs] = [channels / size, filters / size];
  const blocks = b.transpose(b.reshape(sum, [columns, inputs, size, rows, outputs, size]), [4, 1, 3, 0, 2, 5]);
  return heldInPlace(b, b.reshape(blocks, storedShape([filters, channels, ...kernel], size)), dy);
}

/** The products of all rows of ∂y's copies with all of x's: `[rows·O, columns·I]`, or turned `[columns·I, rows·O]`. */
const productsOf = (region: Region, sizes: Geometry, x: Value, dy: Value, turned: boolean): Value =>
  (sizes.positions >= MANY_POSITIONS ? byPicture : atOnce)(region, sizes, x, dy, turned);

/** Whether so written less is copied than columns of the smaller map would be. */
export const suitsSeparable = ({ filters, channels }: Geometry, [rows, columns]: readonly number[]): boolean =>
  rows * filters + columns * channels < rows * columns * Math.min(filters, channels);

function byPicture(region: Region, sizes: Geometry, x: Value, dy: Value, turned: boolean): Value {
  const { b } = region;
  const { filters, channels, kernel } = sizes;
  const [rows, columns] = kernel;
  const lengths = [rows * filters, columns * channels];
  const start = b.expand(b.scalar(0), turned ? lengths.reverse() : lengths);
  const one = ({ shape }: Value) => [1, ...shape.slice(1)];
  return sumOverBatch(b, [x, dy], start, (before, [picture, gradient]) => {
    const { left, right } = copies(region, sizes, b.reshape(picture, one(x)), b.reshape(gradient, one(dy)));
    const matrix = (parts: readonly Value[]) => {
      const map = standard(region, b.concat(parts, 1));
      return b.reshape(map, [map.shape[1], product(map.shape.slice(2))]);
    };
    return b.gemm(matrix(turned ? right : left), matrix(turned ? left : right), before, { transB: true });
  });
}

/** Positions of all pictures in a row. */
function atOnce(region: Region, sizes: Geometry, x: Value, dy: Value, turned: boolean): Value {
  const { b, size } = region;
  const { left, right } = copies(region, sizes, x, dy);
  const matrix = (parts: readonly Value[]) => {
    const [n, channels, h, w] = sizesOf(parts[0]);
    const blocks = parts.map((part) => b.transpose(b.reshape(part, [n, channels / size, h * w * size]), [1, 0, 2]));
    const count = (parts.length * channels) / size;
    const map = standard(region, b.reshape(b.concat(blocks, 0), [count, size, n, h * w]));
    return b.reshape(map, [count * size, product([n, h * w])]);
  };
  return b.gemm(matrix(turned ? right : left), matrix(turned ? left : right), undefined, { transB: true });
}

/** ∂y moved by each row of taps, x by each column. */
function copies(region: Region, { kernel, dilations, begins, spatial, out }: Geometry, x: Value, dy: Value) {
  const [height, width] = spatial;
  const [outHeight, outWidth] = out;
  const still = (length: number) => ({ stride: 1, shift: 0, length, out: length });
  const shifts = (axis: number) => Array.from({ length: kernel[axis] }, (_, t) => t * dilations[axis] - begins[axis]);
  const left = shifts(0).map((shift) =>
    copied(region, dy, [{ stride: 1, shift: -shift, length: outHeight, out: height }, still(outWidth)]),
  );
  const right = shifts(1).map((shift) =>
    copied(region, x, [still(height), { stride: 1, shift, length: width, out: outWidth }]),
  );
  return { left, right };
}

/** A map of whole blocks in the standard order. */
function standard({ b }: Region, map: Value): Value {
  const channels = map.shape[1] as number;
  return b.emit('ReorderOutput', [map], [map], { channels }, { domain: NCHWC })[0];
}
