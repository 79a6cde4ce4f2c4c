/** Resizing, cropping, affine transforms and blur in plain arithmetic, like sharp (libvips). `docs/web.md` has the differences. */

import type { Rectangle } from '../augment/index.ts';
import type { Border } from '../geometry.ts';
import type { Pixels } from '../pixels.ts';
import type { Size } from '../preprocessing.ts';
import type { Preprocessing } from '../types.ts';
import {
  averagingWeights,
  blurRadius,
  blurringWeights,
  enlargingWeights,
  nearestPixels,
  shrinkingWeights,
  type Weights,
} from './weights.ts';

type Samples = Uint8Array | Uint8ClampedArray | Int16Array;
type Interpolation = Preprocessing['interpolation'];

const pixelsOf = (data: Uint8ClampedArray<ArrayBuffer>, width: number, height: number): Pixels => ({
  data: new Uint8Array(data.buffer),
  width,
  height,
});

/** Cached weights by pairs of lengths, because data sets have few image sizes. */
const cache = new Map<string, Weights | undefined>();
const maximumCached = 256;

function cached(key: string, make: () => Weights | undefined): Weights | undefined {
  if (!cache.has(key)) {
    if (cache.size >= maximumCached) cache.clear();
    cache.set(key, make());
  }
  return cache.get(key);
}

/** A rectangle inside the image; the same image if it is the whole. */
export function extract(source: Pixels, { left, top, width, height }: Rectangle): Pixels {
  if (left === 0 && top === 0 && width === source.width && height === source.height) return source;
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * source.width + left) * 3;
    data.set(source.data.subarray(from, from + width * 3), y * width * 3);
  }
  return { data, width, height };
}

/** The image with repeated edges. */
export function extend(source: Pixels, border: Border): Pixels {
  const width = border.left + source.width + border.right;
  const height = border.top + source.height + border.bottom;
  const data = new Uint8Array(width * height * 3);
  const length = width * 3;
  for (let y = 0; y < source.height; y++) {
    const row = source.data.subarray(y * source.width * 3, (y + 1) * source.width * 3);
    const start = (border.top + y) * length;
    for (let x = 0; x < border.left; x++) data.set(row.subarray(0, 3), start + x * 3);
    data.set(row, start + border.left * 3);
    for (let x = border.left + source.width; x < width; x++) data.set(row.subarray(-3), start + x * 3);
  }
  const last = border.top + source.height - 1;
  for (let y = 0; y < border.top; y++) data.copyWithin(y * length, border.top * length, (border.top + 1) * length);
  for (let y = last + 1; y < height; y++) data.copyWithin(y * length, last * length, (last + 1) * length);
  return { data, width, height };
}

/**
 * Resizes an image without keeping its aspect ratio. Shrinking smooths with a kernel that is wider by the same factor.
 *
 * @param size can be fractional when shrinking: the factor is exact, and the nearest whole number of pixels is drawn about the centre
 * @returns the same image if the size does not change
 */
export function resize(source: Pixels, size: Size, interpolation: Interpolation): Pixels {
  const [width, height] = [Math.max(1, Math.round(size.width)), Math.max(1, Math.round(size.height))];
  if (interpolation === 'nearest') return resizeNearest(source, width, height);
  let image = source;
  if (size.height < image.height) {
    for (const weights of shrinking(image.height, size.height, interpolation)) image = weighRows(image, weights);
  }
  if (size.width < image.width) {
    for (const weights of shrinking(image.width, size.width, interpolation)) image = weighColumns(image, weights);
  }
  if (width === image.width && height === image.height) return image;
  return interpolation === 'linear' ? enlargeLinear(image, width, height) : enlargeCubic(image, width, height);
}

function shrinking(input: number, output: number, interpolation: Exclude<Interpolation, 'nearest'>): Weights[] {
  return [
    cached(`average ${input} ${output}`, () => averagingWeights(input, output)),
    cached(`${interpolation} ${input} ${output}`, () => shrinkingWeights(input, output, interpolation)),
  ].filter((weights) => weights !== undefined);
}

function resizeNearest(source: Pixels, width: number, height: number): Pixels {
  if (width === source.width && height === source.height) return source;
  const data = new Uint8Array(width * height * 3);
  const columns = nearestPixels(source.width, width, 'row').map((x) => x * 3);
  const rows = nearestPixels(source.height, height, 'column');
  let to = 0;
  for (let y = 0; y < height; y++) {
    const row = rows[y] * source.width * 3;
    for (let x = 0; x < width; x++, to += 3) {
      const from = row + columns[x];
      data[to] = source.data[from];
      data[to + 1] = source.data[from + 1];
      data[to + 2] = source.data[from + 2];
    }
  }
  return { data, width, height };
}

function weighRows({ data, width }: Pixels, weights: Weights): Pixels {
  const out = new Uint8ClampedArray(width * weights.length * 3);
  vertically(data, width, weights, out);
  return pixelsOf(out, width, weights.length);
}

function weighColumns({ data, width, height }: Pixels, weights: Weights): Pixels {
  const out = new Uint8ClampedArray(weights.length * height * 3);
  horizontally(data, width, height, weights, out);
  return pixelsOf(out, weights.length, height);
}

/** Four rows at a time, which avoids most reads and writes of the sums. */
function vertically(data: Samples, width: number, w: Weights, out: Samples): void {
  const { length, starts, counts, values, stride, offset, factor } = w;
  const samples = width * 3;
  const sums = new Int32Array(samples);
  for (let y = 0; y < length; y++) {
    sums.fill(0);
    const count = counts[y];
    const weight = (k: number) => (k < count ? values[y * stride + k] : 0);
    // The weight beyond the last row is 0, so any row works.
    const row = (k: number) => (starts[y] + Math.min(k, count - 1)) * samples;
    for (let k = 0; k < count; k += 4) {
      const [w0, w1, w2, w3] = [weight(k), weight(k + 1), weight(k + 2), weight(k + 3)];
      const [r0, r1, r2, r3] = [row(k), row(k + 1), row(k + 2), row(k + 3)];
      for (let i = 0; i < samples; i++)
        sums[i] += w0 * data[r0 + i] + w1 * data[r1 + i] + w2 * data[r2 + i] + w3 * data[r3 + i];
    }
    const to = y * samples;
    for (let i = 0; i < samples; i++) out[to + i] = Math.floor((sums[i] + offset) * factor);
  }
}

function horizontally(data: Samples, width: number, height: number, w: Weights, out: Samples): void {
  const { length, starts, counts, values, stride, offset, factor } = w;
  let to = 0;
  for (let y = 0; y < height; y++) {
    const row = y * width * 3;
    for (let x = 0; x < length; x++, to += 3) {
      const first = x * stride;
      const last = first + counts[x];
      let from = row + starts[x] * 3;
      let red = 0;
      let green = 0;
      let blue = 0;
      for (let k = first; k < last; k++, from += 3) {
        const weight = values[k];
        red += weight * data[from];
        green += weight * data[from + 1];
        blue += weight * data[from + 2];
      }
      out[to] = Math.floor((red + offset) * factor);
      out[to + 1] = Math.floor((green + offset) * factor);
      out[to + 2] = Math.floor((blue + offset) * factor);
    }
  }
}

/** Catmull-Rom, which libvips also uses for Lanczos. Values can overshoot between the two passes. */
function enlargeCubic(source: Pixels, width: number, height: number): Pixels {
  const weights = (input: number, output: number) =>
    cached(`enlarge ${input} ${output}`, () => enlargingWeights(input, output))!;
  const wide = new Int16Array(width * source.height * 3);
  horizontally(source.data, source.width, source.height, weights(source.width, width), wide);
  const out = new Uint8ClampedArray(width * height * 3);
  vertically(wide, width, weights(source.height, height), out);
  return pixelsOf(out, width, height);
}

function enlargeLinear(source: Pixels, width: number, height: number): Pixels {
  const inverse = [source.width / width, 0, 0, source.height / height] as const;
  return transform(source, { width, height }, inverse, [-0.5, -0.5]);
}

/**
 * Bilinear transform without smoothing: pixel (x, y) of the result is at index `inverse (x, y) + start` of the image.
 *
 * @param inverse rows of a 2x2 matrix
 * @param background red, green and blue outside of the image; default: repeats the edges by one pixel
 */
export function transform(
  source: Pixels,
  { width, height }: Size,
  inverse: readonly [number, number, number, number],
  start: readonly [number, number],
  background?: readonly [number, number, number],
): Pixels {
  const { data } = surround(source, background);
  const [columns, rows] = [source.width + 1, source.height + 1];
  const stride = (source.width + 2) * 3;
  const [a, b, c, d] = inverse;
  const [red, green, blue] = background ?? [0, 0, 0];
  const out = new Uint8Array(width * height * 3);
  let to = 0;
  for (let y = 0; y < height; y++) {
    // Indices in the image with a border of one pixel.
    const rowX = b * y + start[0] + 1;
    const rowY = d * y + start[1] + 1;
    for (let x = 0; x < width; x++, to += 3) {
      const sourceX = a * x + rowX;
      const sourceY = c * x + rowY;
      if (!(sourceX >= 0 && sourceX < columns && sourceY >= 0 && sourceY < rows)) {
        out[to] = red;
        out[to + 1] = green;
        out[to + 2] = blue;
        continue;
      }
      const left = sourceX | 0;
      const top = sourceY | 0;
      // The four weights of libvips, in units of 1/4096.
      const right = ((sourceX - left) * 4096) | 0;
      const below = ((sourceY - top) * 4096) | 0;
      const w11 = (below * right) >> 12;
      const w01 = ((4096 - below) * right) >> 12;
      const w10 = below - w11;
      const w00 = 4096 - below - w01;
      const i = top * stride + left * 3;
      const j = i + stride;
      out[to] = (w00 * data[i] + w01 * data[i + 3] + w10 * data[j] + w11 * data[j + 3] + 2048) >> 12;
      out[to + 1] = (w00 * data[i + 1] + w01 * data[i + 4] + w10 * data[j + 1] + w11 * data[j + 4] + 2048) >> 12;
      out[to + 2] = (w00 * data[i + 2] + w01 * data[i + 5] + w10 * data[j + 2] + w11 * data[j + 5] + 2048) >> 12;
    }
  }
  return { data: out, width, height };
}

/** The image with a border of one pixel. */
function surround(source: Pixels, colour: readonly [number, number, number] | undefined): Pixels {
  const framed = extend(source, { left: 1, right: 1, top: 1, bottom: 1 });
  if (!colour) return framed;
  const { data, width, height } = framed;
  const paint = (x: number, y: number) => (data as Uint8Array).set(colour, (y * width + x) * 3);
  for (let x = 0; x < width; x++) {
    paint(x, 0);
    paint(x, height - 1);
  }
  for (let y = 1; y < height - 1; y++) {
    paint(0, y);
    paint(width - 1, y);
  }
  return framed;
}

/** Gaussian blur with repeated edges. @param sigma in pixels */
export function blur(source: Pixels, sigma: number): Pixels {
  if (blurRadius(sigma) === 0) return source;
  const blurred = weighColumns(source, blurringWeights(source.width, sigma));
  return weighRows(blurred, blurringWeights(source.height, sigma));
}
