/** From 8-bit RGB pixels to a model's numbers: window, mirror, colour, normalize and lay out in one pass. */
import type { AugmentationDraw, Rectangle } from './augment.ts';
import type { Preprocessing } from './types.ts';

/** 8-bit RGB, three bytes a pixel, rows from the top. */
export interface Pixels {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** Rows of a 3x4 matrix: `red' = m[0]·red + m[1]·green + m[2]·blue + m[3]`, and so on, a pixel being 0 to 255. */
export type ColourMatrix = readonly number[];

const identity: ColourMatrix = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0];

export interface WriteOptions {
  /** The pixel that becomes the input's top left one; may be negative. */
  readonly left: number;
  readonly top: number;
  readonly horizontalFlip?: boolean;
  readonly verticalFlip?: boolean;
  readonly colour?: ColourMatrix;
  /** In pixels of the input, after mirroring. */
  readonly erase?: Rectangle;
  /** What lies outside of the picture; unless given, `black` where the preprocessing crops and `mean` where it pads. */
  readonly outside?: 'black' | 'mean';
}

/**
 * Writes one picture as float32, `[C, H, W]` or `[H, W, C]`, at `out[offset …]`. What is erased becomes the mean.
 */
export function writePixels(
  source: Pixels,
  p: Preprocessing,
  out: Float32Array,
  offset: number,
  options: WriteOptions,
): void {
  const { width, height, scale, mean, deviation } = p;
  const { data } = source;
  const { left, top, horizontalFlip = false, verticalFlip = false, colour, erase } = options;
  const { outside = p.fit === 'pad' ? 'mean' : 'black' } = options;
  const grey = p.channels === 'grey';
  const count = grey ? 1 : 3;
  const [pixelStep, channelStep] = p.layout === 'nchw' ? [1, width * height] : [count, 1];
  // Where red and blue go, and value = slope * pixel + intercept for each; all in locals, for speed.
  const [first, last] = p.channels === 'bgr' ? [2, 0] : [0, count - 1];
  const middle = count >> 1;
  const toRed = first * channelStep;
  const toGreen = middle * channelStep;
  const toBlue = last * channelStep;
  const [redSlope, greenSlope, blueSlope] = [first, middle, last].map((c) => scale / deviation[c]);
  const [redIntercept, greenIntercept, blueIntercept] = [first, middle, last].map((c) => -mean[c] / deviation[c]);
  const fill = mean.map((m, c) => (outside === 'mean' ? 0 : -m / deviation[c]));
  const [m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11] = colour ?? identity;

  for (let y = 0; y < height; y++) {
    const sourceY = top + (verticalFlip ? height - 1 - y : y);
    const row = sourceY * source.width;
    const isRow = sourceY >= 0 && sourceY < source.height;
    for (let x = 0; x < width; x++) {
      const sourceX = left + (horizontalFlip ? width - 1 - x : x);
      const to = offset + (y * width + x) * pixelStep;
      if (!isRow || sourceX < 0 || sourceX >= source.width) {
        for (let c = 0; c < count; c++) out[to + c * channelStep] = fill[c];
        continue;
      }
      const from = (row + sourceX) * 3;
      let red = data[from];
      let green = data[from + 1];
      let blue = data[from + 2];
      if (colour) {
        const r = red;
        const g = green;
        red = clamp(m0 * r + m1 * g + m2 * blue + m3);
        green = clamp(m4 * r + m5 * g + m6 * blue + m7);
        blue = clamp(m8 * r + m9 * g + m10 * blue + m11);
      }
      if (grey) red = green = blue = luma(red, green, blue);
      out[to + toRed] = redSlope * red + redIntercept;
      out[to + toGreen] = greenSlope * green + greenIntercept;
      out[to + toBlue] = blueSlope * blue + blueIntercept;
    }
  }
  if (erase) eraseRectangle(erase, p, out, offset);
}

function eraseRectangle(erase: Rectangle, p: Preprocessing, out: Float32Array, offset: number): void {
  const planes = p.layout === 'nchw' ? p.mean.length : 1;
  const step = p.layout === 'nchw' ? 1 : p.mean.length;
  for (let plane = 0; plane < planes; plane++) {
    for (let y = erase.top; y < erase.top + erase.height; y++) {
      const start = offset + plane * p.width * p.height + (y * p.width + erase.left) * step;
      out.fill(0, start, start + erase.width * step);
    }
  }
}

const clamp = (value: number): number => Math.min(255, Math.max(0, value));

/** Grey by ITU-R BT.601, as Pillow's mode `L`. */
const luma = (red: number, green: number, blue: number): number => 0.299 * red + 0.587 * green + 0.114 * blue;

/** Mean grey of the pixels, from every seventh of them. */
export function meanGrey({ data }: Pixels): number {
  let sum = 0;
  let count = 0;
  for (let i = 0; i + 2 < data.length; i += 21, count++) sum += luma(data[i], data[i + 1], data[i + 2]);
  return sum / count;
}

/** Applies `first`, then `then`. */
function compose(then: ColourMatrix, first: ColourMatrix): ColourMatrix {
  return Array.from({ length: 12 }, (_, i) => {
    const row = i - (i % 4);
    const column = i % 4;
    const product = then[row] * first[column] + then[row + 1] * first[4 + column] + then[row + 2] * first[8 + column];
    return column === 3 ? product + then[row + 3] : product;
  });
}

const uniform = (slope: number, intercept: number): ColourMatrix => [
  ...[slope, 0, 0, intercept],
  ...[0, slope, 0, intercept],
  ...[0, 0, slope, intercept],
];

/** `saturate` and `hueRotate` are the matrices of the W3C's Filter Effects Module Level 1, `feColorMatrix`. */
const saturate = (s: number): ColourMatrix => [
  ...[0.213 + 0.787 * s, 0.715 - 0.715 * s, 0.072 - 0.072 * s, 0],
  ...[0.213 - 0.213 * s, 0.715 + 0.285 * s, 0.072 - 0.072 * s, 0],
  ...[0.213 - 0.213 * s, 0.715 - 0.715 * s, 0.072 + 0.928 * s, 0],
];

function hueRotate(degrees: number): ColourMatrix {
  const cos = Math.cos((degrees * Math.PI) / 180);
  const sin = Math.sin((degrees * Math.PI) / 180);
  return [
    ...[0.213 + cos * 0.787 - sin * 0.213, 0.715 - cos * 0.715 - sin * 0.715, 0.072 - cos * 0.072 + sin * 0.928, 0],
    ...[0.213 - cos * 0.213 + sin * 0.143, 0.715 + cos * 0.285 + sin * 0.14, 0.072 - cos * 0.072 - sin * 0.283, 0],
    ...[0.213 - cos * 0.213 - sin * 0.787, 0.715 - cos * 0.715 + sin * 0.715, 0.072 + cos * 0.928 + sin * 0.072, 0],
  ];
}

/**
 * The drawn brightness, contrast, saturation and hue as one matrix, in this order; undefined where they change nothing.
 *
 * @param grey the picture's mean grey, 0 to 255, about which contrast turns
 */
export function colourMatrix(draw: AugmentationDraw, grey: () => number): ColourMatrix | undefined {
  const { brightness, contrast, saturation, hue } = draw;
  if (brightness === 1 && contrast === 1 && saturation === 1 && hue === 0) return undefined;
  let matrix = uniform(brightness, 0);
  if (contrast !== 1) matrix = compose(uniform(contrast, (1 - contrast) * brightness * grey()), matrix);
  if (saturation !== 1) matrix = compose(saturate(saturation), matrix);
  if (hue !== 0) matrix = compose(hueRotate(hue), matrix);
  return matrix;
}
