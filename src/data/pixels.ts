/** Converts 8-bit RGB pixels to a model's input: crop, flip, normalize and lay out in one pass. */
import { Random } from '../random.ts';
import type { Rectangle } from './augment/index.ts';
import type { Preprocessing } from './types.ts';

/** 8-bit RGB, three bytes per pixel, rows from the top. */
export interface Pixels {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** New values of red, green and blue, by the old value from 0 to 255. */
export type Tables = readonly [Uint8Array, Uint8Array, Uint8Array];

/** A table of 256 values, rounded down. */
export function table(of: (value: number) => number): Uint8Array {
  const values = new Uint8Array(256);
  for (let value = 0; value < 256; value++) values[value] = of(value);
  return values;
}

const SAME = table((value) => value);

/** Tables that change nothing. */
export const UNCHANGED: Tables = [SAME, SAME, SAME];

export interface WriteOptions {
  /** Position of the input's top left pixel. Can be negative. */
  readonly left: number;
  readonly top: number;
  readonly horizontalFlip?: boolean;
  readonly verticalFlip?: boolean;
  /** In input pixels, after flipping. Filled with the mean, or with standard normal noise from a seed. */
  readonly erase?: Rectangle & { readonly noise?: number };
  /** Fill outside of the image. Default: `black` if the preprocessing crops, `mean` if it pads. */
  readonly outside?: 'black' | 'mean';
  /** Maps the image's values first. */
  readonly tables?: Tables;
}

/** Writes one image as float32, `[C, H, W]` or `[H, W, C]`, at `out[offset …]`. */
export function writePixels(
  source: Pixels,
  p: Preprocessing,
  out: Float32Array,
  offset: number,
  options: WriteOptions,
): void {
  const { width, height, scale, mean, std } = p;
  const { data } = source;
  const { left, top, horizontalFlip = false, verticalFlip = false, erase, tables = UNCHANGED } = options;
  const { outside = p.fit === 'pad' ? 'mean' : 'black' } = options;
  const grey = p.channels === 'grey';
  const count = grey ? 1 : 3;
  const [pixelStep, channelStep] = p.layout === 'nchw' ? [1, width * height] : [count, 1];
  // Positions of red and blue, and the written value for each pixel value, in local variables for speed.
  const [first, last] = p.channels === 'bgr' ? [2, 0] : [0, count - 1];
  const middle = count >> 1;
  const toRed = first * channelStep;
  const toGreen = middle * channelStep;
  const toBlue = last * channelStep;
  const [slope, intercept] = [(c: number) => scale / std[c], (c: number) => -mean[c] / std[c]];
  const [redTable, greenTable, blueTable] = tables;
  const [red, green, blue] = [first, middle, last].map((c, i) => normalized(tables[i], slope(c), intercept(c)));
  const fill = mean.map((m, c) => (outside === 'mean' ? 0 : -m / std[c]));

  // Columns of the input that show the image. The others are filled.
  const right = horizontalFlip ? left + width - source.width : -left;
  const begin = Math.min(width, Math.max(0, right));
  const end = Math.max(begin, Math.min(width, right + source.width));
  const step = horizontalFlip ? -3 : 3;
  for (let y = 0; y < height; y++) {
    const sourceY = top + (verticalFlip ? height - 1 - y : y);
    const isRow = sourceY >= 0 && sourceY < source.height;
    const line = offset + y * width * pixelStep;
    const [from, to] = isRow ? [begin, end] : [0, 0];
    for (let c = 0; c < count; c++) {
      const first = line + c * channelStep;
      for (let x = 0; x < from; x++) out[first + x * pixelStep] = fill[c];
      for (let x = to; x < width; x++) out[first + x * pixelStep] = fill[c];
    }
    let at = (sourceY * source.width + left + (horizontalFlip ? width - 1 - from : from)) * 3;
    if (grey) {
      for (let x = from; x < to; x++, at += step) {
        const value = luma(redTable[data[at]], greenTable[data[at + 1]], blueTable[data[at + 2]]);
        out[line + x] = slope(0) * value + intercept(0);
      }
      continue;
    }
    for (let x = from, i = line + from * pixelStep; x < to; x++, i += pixelStep, at += step) {
      out[i + toRed] = red[data[at]];
      out[i + toGreen] = green[data[at + 1]];
      out[i + toBlue] = blue[data[at + 2]];
    }
  }
  if (erase) eraseRectangle(erase, p, out, offset);
}

/** slope · v + intercept of each value of a table */
function normalized(values: Uint8Array, slope: number, intercept: number): Float32Array {
  const result = new Float32Array(256);
  for (let value = 0; value < 256; value++) result[value] = slope * values[value] + intercept;
  return result;
}

function eraseRectangle(
  { left, top, width, height, noise }: Rectangle & { readonly noise?: number },
  p: Preprocessing,
  out: Float32Array,
  offset: number,
): void {
  const planes = p.layout === 'nchw' ? p.mean.length : 1;
  const step = p.layout === 'nchw' ? 1 : p.mean.length;
  const random = noise === undefined ? undefined : new Random(noise, 'erasing');
  for (let plane = 0; plane < planes; plane++) {
    for (let y = top; y < top + height; y++) {
      const start = offset + plane * p.width * p.height + (y * p.width + left) * step;
      for (let i = start; i < start + width * step; i++) out[i] = random ? random.normal() : 0;
    }
  }
}

/** Grey by ITU-R BT.601, like Pillow's mode `L`. */
const luma = (red: number, green: number, blue: number): number => 0.299 * red + 0.587 * green + 0.114 * blue;

/** The inverse of `writePixels`: pixels of a model's input, rounded and clamped to 0 to 255. */
export function readPixels(values: Float32Array, p: Preprocessing, offset: number): Pixels {
  const { width, height, scale, mean, std } = p;
  const count = p.channels === 'grey' ? 1 : 3;
  const [pixelStep, channelStep] = p.layout === 'nchw' ? [1, width * height] : [count, 1];
  const order = p.channels === 'grey' ? [0, 0, 0] : p.channels === 'bgr' ? [2, 1, 0] : [0, 1, 2];
  const data = new Uint8ClampedArray(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    for (const [colour, c] of order.entries()) {
      data[3 * i + colour] = (values[offset + i * pixelStep + c * channelStep] * std[c] + mean[c]) / scale;
    }
  }
  return { data: new Uint8Array(data.buffer), width, height };
}
