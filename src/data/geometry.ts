/** Geometry of augmentation: which pixels of an image become a model's input. All platforms share it. */
import { type AugmentationDraw, cropRectangle, type Move, type Rectangle } from './augment/index.ts';
import { type Pixels, writePixels } from './pixels.ts';
import { batchShape, resizedSide, type Size } from './preprocessing.ts';
import type { Preprocessing } from './types.ts';

/** Origin of the model's input in an image of `resizedSize`. */
export function inputOrigin(image: Size, p: Preprocessing): { left: number; top: number } {
  if (p.fit !== 'crop') return { left: 0, top: 0 };
  return { left: Math.floor((image.width - p.width) / 2), top: Math.floor((image.height - p.height) / 2) };
}

/** Length of the shorter side of an image to augment: larger than the input, so that a crop is still sharp. */
export const augmentedSide = (p: Preprocessing): number => Math.ceil(1.5 * Math.max(p.width, p.height, resizedSide(p)));

/**
 * The size of an image to augment, at most the image's own. It can be fractional: pixels are whole, but both sides shrink by the same
 * factor.
 */
export function augmentedSize(p: Preprocessing, { width, height }: Size): Size {
  const shrink = Math.max(1, Math.min(width, height) / augmentedSide(p));
  return { width: width / shrink, height: height / shrink };
}

/** The part of the image that fills the input, in pixels of the image. It can extend beyond the image. */
function inputWindow(image: Size, p: Preprocessing, draw: AugmentationDraw): Rectangle {
  if (draw.crop) return cropRectangle(draw.crop, image, p.width / p.height);
  if (p.fit === 'stretch') return { left: 0, top: 0, width: image.width, height: image.height };
  if (p.fit === 'pad') {
    const side = Math.max(image.width, image.height);
    return { left: 0, top: 0, width: side, height: side };
  }
  const scale = resizedSide(p) / Math.min(image.width, image.height);
  const width = p.width / scale;
  const height = p.height / scale;
  return { left: (image.width - width) / 2, top: (image.height - height) / 2, width, height };
}

/** A part of an image, and the size to resize it to. */
export interface Part {
  /** In pixels of the image, fully inside it. */
  readonly from: Rectangle;
  readonly resized: Size;
}

/** A part, and the position in it (resized) of the input's top left pixel. Can be negative. */
export interface Cut extends Part {
  readonly left: number;
  readonly top: number;
}

/** The crop of a draw without moves, limited to the image. */
export function straightCut(image: Size, p: Preprocessing, draw: AugmentationDraw): Cut {
  const window = inputWindow(image, p, draw);
  const x = cutAxis(window.left, window.width, image.width, p.width);
  const y = cutAxis(window.top, window.height, image.height, p.height);
  return {
    from: { left: x.from, top: y.from, width: x.length, height: y.length },
    resized: { width: x.resized, height: y.resized },
    left: -x.at,
    top: -y.at,
  };
}

/** One axis of a crop: the source pixels, the resized length, and the position in the input. */
function cutAxis(start: number, length: number, available: number, input: number) {
  const scale = input / length;
  const from = Math.min(available - 1, Math.max(0, Math.round(start)));
  const to = Math.max(from + 1, Math.min(available, Math.round(start + length)));
  const at = start < 0 ? Math.round(-start * scale) : 0;
  const end = start + length > available ? Math.round((available - start) * scale) : input;
  return { from, length: to - from, at, resized: Math.max(1, end - at) };
}

/** Number of repeated edge pixels on each side. */
export interface Border {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** A part, and its position in the input after it is resized and its edges are repeated. */
export interface Warp extends Part {
  readonly border?: Border;
  /** Size including the border. */
  readonly size: Size;
  /** Rows of a 2x2 matrix: pixel index i goes to index `matrix i + shift` of the input. */
  readonly matrix: readonly [number, number, number, number];
  readonly shift: readonly [number, number];
}

/**
 * Composes moves about the input's centre, in input pixels: a point q goes to `A q + t`.
 *
 * @returns rows of A, which preserves area; the enlargement factor; and t
 */
function movement(moves: readonly Move[], { width, height }: Size) {
  let [a, b, c, d] = [1, 0, 0, 1];
  let [x, y] = [0, 0];
  let zoom = 1;
  for (const [kind, by] of moves) {
    if (kind === 'translationX') x += by * width;
    else if (kind === 'translationY') y += by * height;
    else if (kind === 'zoom') {
      zoom *= by;
      x *= by;
      y *= by;
    } else {
      const [p, q, r, s] = turning(kind, (by * Math.PI) / 180);
      [a, b, c, d] = [p * a + q * c, p * b + q * d, r * a + s * c, r * b + s * d];
      [x, y] = [p * x + q * y, r * x + s * y];
    }
  }
  return { a: [a, b, c, d] as const, zoom, shift: [x, y] as const };
}

/** Rows of a matrix with determinant 1. Anticlockwise, with y pointing down. */
function turning(kind: 'rotation' | 'shearX' | 'shearY', angle: number): readonly [number, number, number, number] {
  const slope = Math.tan(angle);
  if (kind === 'shearX') return [1, slope, 0, 1];
  if (kind === 'shearY') return [1, 0, slope, 1];
  return [Math.cos(angle), Math.sin(angle), -Math.sin(angle), Math.cos(angle)];
}

/** A rectangle enlarged about its centre. */
const enlarged = ({ left, top, width, height }: Rectangle, factor: number): Rectangle => ({
  left: left + ((1 - factor) * width) / 2,
  top: top + ((1 - factor) * height) / 2,
  width: factor * width,
  height: factor * height,
});

/**
 * The transformed window of a draw with moves. In input pixels, a point q relative to the window's centre goes to `A q + t` relative to the
 * input's centre. The visible part is cut out and resized first, so that shrinking smooths; one affine transform does the rest.
 */
export function affineWarp(image: Size, p: Preprocessing, draw: AugmentationDraw): Warp {
  const { a, zoom, shift } = movement(draw.moves, p);
  const window = enlarged(inputWindow(image, p, draw), 1 / zoom);

  // Half the extent of A⁻¹ (input rectangle), plus a margin for interpolation and blur, and its centre A⁻¹(-t).
  const around = 1 + 3 * draw.blur;
  const reach = [
    (Math.abs(a[3]) * p.width + Math.abs(a[1]) * p.height) / 2 + around,
    (Math.abs(a[2]) * p.width + Math.abs(a[0]) * p.height) / 2 + around,
  ];
  const centre = [-(a[3] * shift[0] - a[1] * shift[1]), -(-a[2] * shift[0] + a[0] * shift[1])];
  const x = viewAxis({
    ...{ start: window.left, length: window.width, available: image.width, input: p.width },
    ...{ centre: centre[0], reach: reach[0] },
  });
  const y = viewAxis({
    ...{ start: window.top, length: window.height, available: image.height, input: p.height },
    ...{ centre: centre[1], reach: reach[1] },
  });

  // Padding keeps the mean colour, as in evaluation.
  const extended = draw.fill === 'edge' && (draw.crop !== undefined || p.fit !== 'pad');
  const width = x.resized + (extended ? x.before + x.after : 0);
  const height = y.resized + (extended ? y.before + y.after : 0);
  // Pixel i is at q = stretch (i + 1/2) + origin.
  const origin = [x.origin - (extended ? x.before * x.stretch : 0), y.origin - (extended ? y.before * y.stretch : 0)];
  const m = [a[0] * x.stretch, a[1] * y.stretch, a[2] * x.stretch, a[3] * y.stretch] as const;
  // In indices, j = m i + d, from j + 1/2 = A q + t + input / 2.
  const dx = (m[0] + m[1]) / 2 + a[0] * origin[0] + a[1] * origin[1] + shift[0] + p.width / 2 - 0.5;
  const dy = (m[2] + m[3]) / 2 + a[2] * origin[0] + a[3] * origin[1] + shift[1] + p.height / 2 - 0.5;
  return {
    from: { left: x.from, top: y.from, width: x.length, height: y.length },
    resized: { width: x.resized, height: y.resized },
    border: extended ? { left: x.before, right: x.after, top: y.before, bottom: y.after } : undefined,
    size: { width, height },
    matrix: m,
    shift: [dx, dy],
  };
}

/** One axis of a window in an image. */
interface WindowAxis {
  readonly start: number;
  readonly length: number;
  /** Pixels of the image. */
  readonly available: number;
  /** Pixels of the model's input. */
  readonly input: number;
  /** Centre of the view, from the centre of the window, in pixels of the input. */
  readonly centre: number;
  /** Half the extent of the view. */
  readonly reach: number;
}

/**
 * One axis of a warp: the source pixels that can be visible, their resized length, the position of a resized pixel relative to the window's
 * centre in input pixels (`stretch`, `origin`), and the number of missing pixels on each side.
 */
function viewAxis({ start, length, available, input, centre, reach }: WindowAxis) {
  const scale = input / length;
  const middle = start + length / 2;
  const low = middle + (centre - reach) / scale;
  const high = middle + (centre + reach) / scale;
  const from = Math.min(available - 1, Math.max(0, Math.floor(low)));
  const to = Math.max(from + 1, Math.min(available, Math.ceil(high)));
  // A span below one pixel is drawn one pixel wide.
  const span = Math.max(1, (to - from) * scale);
  const resized = Math.round(span);
  const stretch = span / resized;
  const missing = (pixels: number) => Math.max(0, Math.ceil((pixels * scale) / stretch));
  return {
    from,
    length: to - from,
    resized,
    stretch,
    origin: ((from + to) / 2 - middle) * scale - span / 2,
    before: missing(from - low),
    after: missing(high - to),
  };
}

/**
 * The result of an affine transform: the bounding box of `matrix i` in whole pixels, rounded as in libvips, then shifted. `fraction` is the
 * rest of the shift, left to interpolation.
 */
export function drawnBox({
  matrix: m,
  size,
  shift,
}: Warp): Rectangle & { readonly fraction: readonly [number, number] } {
  const whole = [Math.round(shift[0]), Math.round(shift[1])];
  const x = extent(m[0] * size.width, m[1] * size.height);
  const y = extent(m[2] * size.width, m[3] * size.height);
  return {
    left: x.start + whole[0],
    top: y.start + whole[1],
    width: x.length,
    height: y.length,
    fraction: [shift[0] - whole[0], shift[1] - whole[1]],
  };
}

/** Range of the sums of any subset of two numbers. */
function extent(a: number, b: number): { start: number; length: number } {
  const low = Math.min(0, a) + Math.min(0, b);
  const high = Math.max(0, a) + Math.max(0, b);
  return { start: roundAwayFromZero(low), length: roundAwayFromZero(high - low) };
}

/** C's rounding, as in libvips: halves away from zero. */
const roundAwayFromZero = (value: number): number => Math.sign(value) * Math.round(Math.abs(value));

/** The mean of the preprocessing as a colour: red, green and blue from 0 to 255. */
export function meanColour({ mean, scale, channels }: Preprocessing): readonly [number, number, number] {
  const [r, g, b] = (
    channels === 'bgr' ? mean.toReversed() : channels === 'grey' ? [mean[0], mean[0], mean[0]] : mean
  ).map((m) => Math.round(Math.min(255, Math.max(0, m / scale))));
  return [r, g, b];
}

/** Pixels, and the origin of the model's input in them. */
export interface Placed {
  readonly pixels: Pixels;
  readonly left: number;
  readonly top: number;
}

/** Resized images as the model's input: float32 `[N, C, H, W]` or `[N, H, W, C]`. */
export function inputsOf(
  images: readonly Pixels[],
  p: Preprocessing,
): { data: Float32Array; shape: readonly number[] } {
  const shape = batchShape(p, images.length);
  const size = batchShape(p, 1).reduce((a, b) => a * b);
  const data = new Float32Array(images.length * size);
  for (const [i, image] of images.entries()) writePixels(image, p, data, i * size, inputOrigin(image, p));
  return { data, shape };
}

/** The same for one image. */
export const inputOf = (image: Pixels, p: Preprocessing) => inputsOf([image], p);
