/** Perspective and elastic distortion of an image at the input's size, in plain arithmetic, equal on every platform. */
import { Random } from '../random.ts';
import type { AugmentationDraw } from './augment/index.ts';
import type { Pixels } from './pixels.ts';
import type { Size } from './preprocessing.ts';

/** For each output pixel, row by row, the image point that it shows. Pixel i covers i to i + 1. */
interface Field {
  readonly x: Float32Array;
  readonly y: Float32Array;
}

/**
 * @returns a function that applies the drawn distortion to images of a size; undefined if there is none. Areas beyond the edge get the
 * background colour, or repeat the edge.
 */
export function distortionOf(
  { perspective, elastic }: Pick<AugmentationDraw, 'perspective' | 'elastic'>,
  size: Size,
): ((pixels: Pixels, background?: readonly number[]) => Pixels) | undefined {
  if (!perspective && !elastic) return undefined;
  let field = elastic ? displaced(elastic, size) : centres(size);
  if (perspective) field = throughHomography(field, towardsCorners(perspective, size));
  return (pixels, background) => sample(pixels, field, background);
}

function centres({ width, height }: Size): Field {
  const [x, y] = [new Float32Array(width * height), new Float32Array(width * height)];
  for (let i = 0; i < x.length; i++) {
    x[i] = (i % width) + 0.5;
    y[i] = Math.floor(i / width) + 0.5;
  }
  return { x, y };
}

/** Moves each pixel by smoothed noise (Simard et al., 2003), scaled as in torchvision: α/2 times the smoothed values from −1 to 1. */
function displaced({ alpha, sigma, seed }: NonNullable<AugmentationDraw['elastic']>, size: Size): Field {
  const random = new Random(seed, 'elastic');
  const { x, y } = centres(size);
  for (const places of [x, y]) {
    const noise = new Float32Array(places.length);
    for (let i = 0; i < noise.length; i++) noise[i] = random.between(-1, 1);
    const shifts = smoothed(noise, size, sigma);
    for (let i = 0; i < places.length; i++) places[i] += (alpha / 2) * shifts[i];
  }
  return { x, y };
}

/** Smooths with a Gaussian truncated at four standard deviations, with repeated edges. */
function smoothed(values: Float32Array, { width, height }: Size, sigma: number): Float32Array {
  const radius = Math.ceil(4 * sigma);
  const bell = Array.from({ length: 2 * radius + 1 }, (_, i) => Math.exp(-((i - radius) ** 2) / (2 * sigma ** 2)));
  const sum = bell.reduce((a, b) => a + b);
  const weights = Float32Array.from(bell, (weight) => weight / sum);
  const across = weighted(values, { length: width, lines: height, step: 1, next: width }, weights);
  return weighted(across, { length: height, lines: width, step: width, next: 1 }, weights);
}

/** Lines of `length` values that are `step` apart. Each line begins `next` values after the one before. */
interface Lines {
  readonly length: number;
  readonly lines: number;
  readonly step: number;
  readonly next: number;
}

function weighted(values: Float32Array, { length, lines, step, next }: Lines, weights: Float32Array): Float32Array {
  const radius = weights.length >> 1;
  const out = new Float32Array(values.length);
  const line = new Float32Array(length + 2 * radius);
  for (let l = 0; l < lines; l++) {
    for (let i = 0; i < line.length; i++) {
      line[i] = values[l * next + Math.min(length - 1, Math.max(0, i - radius)) * step];
    }
    for (let i = 0; i < length; i++) {
      let sum = 0;
      for (let k = 0; k < weights.length; k++) sum += weights[k] * line[i + k];
      out[l * next + i * step] = sum;
    }
  }
  return out;
}

/** Rows of a 3x3 matrix: (x, y) goes to (X/W, Y/W) with (X, Y, W) = matrix (x, y, 1). */
type Homography = readonly number[];

/** Maps the image with moved corners to the original image. */
function towardsCorners([x0, y0, x1, y1, x2, y2, x3, y3]: readonly number[], { width, height }: Size): Homography {
  const corners = [x0, y0, 1 - x1, y1, 1 - x2, 1 - y2, x3, 1 - y3];
  return adjugate(
    fromRectangle(corners.map((part, i) => part * (i % 2 ? height : width))).map(scaledTo(width, height)),
  );
}

/** Scales the columns of x and y from the unit square to the image's sides. */
const scaledTo = (width: number, height: number) => (value: number, i: number) => value / [width, height, 1][i % 3];

/** Maps the unit square to a quadrilateral, corners clockwise from the top left (Heckbert, "Fundamentals of texture mapping", 1989). */
function fromRectangle([x0, y0, x1, y1, x2, y2, x3, y3]: readonly number[]): Homography {
  const [dx1, dy1, dx2, dy2] = [x1 - x2, y1 - y2, x3 - x2, y3 - y2];
  const [sx, sy] = [x0 - x1 + x2 - x3, y0 - y1 + y2 - y3];
  const determinant = dx1 * dy2 - dx2 * dy1;
  const g = (sx * dy2 - dx2 * sy) / determinant;
  const h = (dx1 * sy - sx * dy1) / determinant;
  return [x1 - x0 + g * x1, x3 - x0 + h * x3, x0, y1 - y0 + g * y1, y3 - y0 + h * y3, y0, g, h, 1];
}

/** The inverse up to a factor, which does not change a homography. */
const adjugate = ([a, b, c, d, e, f, g, h, i]: Homography): Homography => [
  ...[e * i - f * h, c * h - b * i, b * f - c * e],
  ...[f * g - d * i, a * i - c * g, c * d - a * f],
  ...[d * h - e * g, b * g - a * h, a * e - b * d],
];

function throughHomography({ x, y }: Field, [a, b, c, d, e, f, g, h, i]: Homography): Field {
  const through = { x: new Float32Array(x.length), y: new Float32Array(y.length) };
  for (let at = 0; at < x.length; at++) {
    const weight = g * x[at] + h * y[at] + i;
    through.x[at] = (a * x[at] + b * y[at] + c) / weight;
    through.y[at] = (d * x[at] + e * y[at] + f) / weight;
  }
  return through;
}

/** Bilinear sampling. Beyond the edge: the background colour, or the repeated edge. */
function sample({ data, width, height }: Pixels, { x, y }: Field, background?: readonly number[]): Pixels {
  const out = new Uint8Array(data.length);
  const value = (column: number, row: number, channel: number): number => {
    const inside = column >= 0 && column < width && row >= 0 && row < height;
    if (!inside && background) return background[channel];
    const [nearX, nearY] = [Math.min(width - 1, Math.max(0, column)), Math.min(height - 1, Math.max(0, row))];
    return data[(nearY * width + nearX) * 3 + channel];
  };
  for (let i = 0; i < x.length; i++) {
    const left = Math.floor(x[i] - 0.5);
    const top = Math.floor(y[i] - 0.5);
    const right = x[i] - 0.5 - left;
    const below = y[i] - 0.5 - top;
    const inner = left >= 0 && left < width - 1 && top >= 0 && top < height - 1;
    const from = (top * width + left) * 3;
    const next = from + width * 3;
    for (let c = 0; c < 3; c++) {
      const v00 = inner ? data[from + c] : value(left, top, c);
      const v01 = inner ? data[from + 3 + c] : value(left + 1, top, c);
      const v10 = inner ? data[next + c] : value(left, top + 1, c);
      const v11 = inner ? data[next + 3 + c] : value(left + 1, top + 1, c);
      out[3 * i + c] = Math.round(
        (1 - below) * ((1 - right) * v00 + right * v01) + below * ((1 - right) * v10 + right * v11),
      );
    }
  }
  return { data: out, width, height };
}
