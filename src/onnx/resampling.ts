import type { GraphBuilder } from './builder.ts';
import { tensor } from './data-types.ts';
import type { Value } from './emitter.ts';
import { type Dimension, product } from './shape.ts';
import { axis } from './shape-builder.ts';

// biome-ignore lint/suspicious/noExplicitAny: destructured with the types that the specification of `Resize` gives
type Attributes = Readonly<Record<string, any>>;

/** The resampling of one axis. */
export interface Resampling {
  readonly axis: number;
  readonly input: number;
  readonly output: number;
  readonly scale: number;
  /** The part of the source that is used, from 0 to 1 (`tf_crop_and_resize`). */
  readonly crop?: readonly [start: number, end: number];
}

/** The position of the result's `i` on the axis of the source (ONNX `Resize`, coordinate_transformation_mode). */
const COORDINATES: Readonly<Record<string, (i: number, r: Resampling) => number>> = {
  half_pixel: (i, { scale }) => (i + 0.5) / scale - 0.5,
  half_pixel_symmetric: (i, { scale, input, output }) =>
    (input / 2) * (1 - output / (scale * input)) + (i + 0.5) / scale - 0.5,
  pytorch_half_pixel: (i, { scale, output }) => (output > 1 ? (i + 0.5) / scale - 0.5 : 0),
  align_corners: (i, { input, output }) => (output > 1 ? (i * (input - 1)) / (output - 1) : 0),
  asymmetric: (i, { scale }) => i / scale,
  tf_crop_and_resize: (i, { input, output, crop: [start, end] = [0, 1] }) =>
    (input - 1) * (output > 1 ? start + (i * (end - start)) / (output - 1) : 0.5 * (start + end)),
};

const ROUNDINGS: Readonly<Record<string, (at: number) => number>> = {
  round_prefer_floor: (at) => Math.ceil(at - 0.5),
  round_prefer_ceil: (at) => Math.floor(at + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
};

/** Weight of a source element at a distance: a triangle, or Keys' cubic convolution ("Cubic convolution interpolation", 1981). */
const triangle = (distance: number) => Math.max(0, 1 - Math.abs(distance));
const keys = (a: number) => (distance: number) => {
  const d = Math.abs(distance);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
};

/** The matrix [output, input] that resamples one axis, for the attributes of a `Resize`. */
export function interpolation(r: Resampling, attributes: Attributes): Float32Array {
  const { mode = 'nearest', nearest_mode = 'round_prefer_floor', antialias = 0, exclude_outside = 0 } = attributes;
  const { coordinate_transformation_mode = 'half_pixel', cubic_coeff_a = -0.75 } = attributes;
  const matrix = new Float32Array(r.output * r.input);
  const clamp = (k: number) => Math.min(Math.max(k, 0), r.input - 1);
  const stretch = antialias ? Math.min(r.scale, 1) : 1;
  const [kernel, reach] = mode === 'cubic' ? [keys(cubic_coeff_a), 2] : [triangle, 1];
  for (let i = 0; i < r.output; i++) {
    const at = Math.fround(COORDINATES[coordinate_transformation_mode](i, r));
    // Outside of the crop, the result is a constant.
    if (r.crop && (at < 0 || at > r.input - 1)) continue;
    if (mode === 'nearest') {
      matrix[i * r.input + clamp(ROUNDINGS[nearest_mode](at))] = 1;
      continue;
    }
    const taps: [number, number][] = [];
    for (let k = Math.floor(at - reach / stretch); k <= Math.ceil(at + reach / stretch); k++) {
      if (!exclude_outside || clamp(k) === k) taps.push([clamp(k), kernel((k - at) * stretch)]);
    }
    const sum = taps.reduce((all, [, weight]) => all + weight, 0);
    for (const [k, weight] of taps) matrix[i * r.input + k] += weight / sum;
  }
  return matrix;
}

/**
 * The axes that a `Resize` from x to y resamples, and how; undefined if a size is not fixed.
 *
 * @param known contents of the inputs `roi` (for `tf_crop_and_resize`) and `scales`, and of `sizes` if they may differ from the result's
 */
export function resamplings(
  x: Value,
  y: Value,
  attributes: Attributes,
  known: { roi?: readonly number[]; scales?: readonly number[]; sizes?: readonly number[] },
): Resampling[] | undefined {
  const { axes, keep_aspect_ratio_policy: policy = 'stretch' } = attributes;
  const along: number[] = axes?.map((a: number) => axis(a, x.shape.length)) ?? x.shape.map((_, i) => i);
  const { roi, scales, sizes = along.map((at) => y.shape[at]) } = known;
  const ratio = (at: number, size: Dimension) => {
    const d = x.shape[at];
    return typeof size === 'number' && typeof d === 'number' ? size / d : 1;
  };
  const given = scales ?? sizes.map((size, i) => ratio(along[i], size));
  const common = policy === 'not_larger' ? Math.min(...given) : Math.max(...given);
  const result: Resampling[] = [];
  for (const [i, at] of along.entries()) {
    const [input, output] = [x.shape[at], y.shape[at]];
    const scale = policy === 'stretch' ? given[i] : common;
    const crop = roi && ([roi[i], roi[along.length + i]] as const);
    const isWhole = !crop || (crop[0] === 0 && crop[1] === 1);
    if (input === output && isWhole && (scale === 1 || typeof input !== 'number')) continue;
    if (typeof input !== 'number' || typeof output !== 'number') return undefined;
    result.push({ axis: at, input, output, scale, crop });
  }
  return result;
}

/** Multiplies one axis by a matrix [output, input], or by its transpose: the way from the source to the result, or back. */
export function resample(
  b: GraphBuilder,
  x: Value,
  { axis: at, input, output }: Resampling,
  matrix: Float32Array,
  direction: 'forward' | 'back',
): Value {
  const [lead, tail] = [x.shape.slice(0, at), x.shape.slice(at + 1)];
  const weights = b.cast(b.constant(tensor('float32', [output, input], matrix), 'interpolation'), x.type);
  const [from, to] = direction === 'forward' ? [input, output] : [output, input];
  const turned = () => b.transpose(weights, [1, 0]);
  const left = () => (direction === 'forward' ? weights : turned());
  const right = () => (direction === 'forward' ? turned() : weights);
  const result = tail.length
    ? b.matmul(left(), b.reshape(x, [product(lead), from, product(tail)]))
    : b.matmul(b.reshape(x, [product(lead), from]), right());
  return b.reshape(result, [...lead, to, ...tail]);
}
