/**
 * Weights of input pixels for resizing or blurring a line of pixels. Kernels, positions and fixed-point rounding are those of libvips 8.18,
 * which sharp uses, so that a browser gives the same images as Node.
 */
import type { Preprocessing } from '../types.ts';

/** `out[i] = floor((offset + Σ values[i * stride + k] * in[starts[i] + k]) * factor)` for k from 0 to `counts[i] - 1`. */
export interface Weights {
  readonly length: number;
  readonly starts: Int32Array;
  readonly counts: Int32Array;
  readonly values: Int32Array;
  readonly stride: number;
  readonly offset: number;
  readonly factor: number;
}

/** Weights are integers in units of 1/4096. Positions are rounded to 1/64 pixel. */
const one = 4096;
const phases = 64;

interface Kernel {
  /** Half the width at scale 1. */
  readonly radius: number;
  readonly at: (x: number) => number;
}

const sinc = (x: number) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

const kernels: Readonly<Record<Exclude<Preprocessing['interpolation'], 'nearest'>, Kernel>> = {
  linear: { radius: 1, at: (x) => Math.max(0, 1 - Math.abs(x)) },
  // Catmull-Rom.
  cubic: {
    radius: 2,
    at: (x) => {
      const d = Math.abs(x);
      if (d <= 1) return (1.5 * d - 2.5) * d * d + 1;
      return d <= 2 ? ((-0.5 * d + 2.5) * d - 4) * d + 2 : 0;
    },
  },
  lanczos3: { radius: 3, at: (x) => (Math.abs(x) > 3 ? 0 : sinc(x) * sinc(x / 3)) },
};

interface WeightedLine {
  /** Pixels of the result. */
  readonly length: number;
  /** Pixels of the line that is resized or blurred. */
  readonly input: number;
  /** The most weights of a pixel. */
  readonly stride: number;
  readonly rounding: { readonly offset: number; readonly factor: number };
  /** The position of the first weight of pixel `i`, which may lie before the line. */
  readonly first: (i: number) => number;
  /** The weights of pixel `i`. Those beyond an end of the line go to its last pixel there. */
  readonly weightsOf: (i: number) => ArrayLike<number>;
}

function lineUp({ length, input, stride, rounding, first, weightsOf }: WeightedLine): Weights {
  const starts = new Int32Array(length);
  const counts = new Int32Array(length);
  const values = new Int32Array(length * stride);
  for (let i = 0; i < length; i++) {
    const weights = weightsOf(i);
    const from = first(i);
    const clamped = (k: number) => Math.min(input - 1, Math.max(0, from + k));
    let low = 0;
    let high = weights.length - 1;
    while (low < high && weights[low] === 0) low++;
    while (high > low && weights[high] === 0) high--;
    starts[i] = clamped(low);
    counts[i] = clamped(high) - starts[i] + 1;
    for (let k = low; k <= high; k++) values[i * stride + clamped(k) - starts[i]] += weights[k];
  }
  return { length, starts, counts, values, stride, ...rounding };
}

/**
 * The part of shrinking that uses plain averages. libvips leaves a factor of at most two to four to the kernel.
 *
 * @returns undefined if there is none
 */
export function averagingWeights(input: number, output: number): Weights | undefined {
  const by = averaged(input, output);
  if (by === 1) return undefined;
  // libvips multiplies by the inverse with 24 bits, rounded down.
  const rounding = { offset: by >> 1, factor: Math.floor(2 ** 24 / by) / 2 ** 24 };
  const ones = new Int32Array(by).fill(1);
  return lineUp({
    length: Math.ceil(input / by),
    input,
    stride: by,
    rounding,
    first: (i) => i * by,
    weightsOf: () => ones,
  });
}

const wholeLength = (length: number): number => Math.max(1, Math.round(length));

const averaged = (input: number, output: number): number => Math.max(1, Math.floor(input / wholeLength(output) / 2));

/** Shrinking with a wider kernel. `input` is the length before averaging; `output` can be fractional. */
export function shrinkingWeights(
  input: number,
  output: number,
  interpolation: Exclude<Preprocessing['interpolation'], 'nearest'>,
): Weights {
  const { radius, at } = kernels[interpolation];
  const by = averaged(input, output);
  const whole = inverted(input, output);
  const shrink = whole / by;
  const points = 2 * Math.round(radius * shrink) + 1;
  const masks: (Int32Array | undefined)[] = Array.from({ length: phases + 1 });
  const mask = (phase: number) => {
    const centre = phase / phases + points / 2 - 1;
    const values = Float64Array.from({ length: points }, (_, i) => at((i - centre) / shrink));
    masks[phase] ??= fixedPoint(values);
    return masks[phase];
  };
  const length = wholeLength(output);
  const positions = shrunkPositions(length, shrink, (length * whole - input) / by);
  return lineUp({
    length,
    input: Math.ceil(input / by),
    stride: points,
    rounding: { offset: one / 2, factor: 1 / one },
    first: (i) => Math.floor(positions[i]) - (Math.ceil(points / 2) - 1),
    weightsOf: (i) => mask(phaseOf(positions[i])),
  });
}

/** The ratio of input to output, inverted twice as in sharp and libvips. The last bit decides where integer positions go. */
const inverted = (input: number, output: number): number => 1 / (1 / (input / output));

/**
 * Centres of the shrunk pixels, starting at half a step, accumulated as in libvips.
 *
 * @param invented excess of all steps over the line's length, shared between both ends
 */
function shrunkPositions(output: number, step: number, invented: number): Float64Array {
  const positions = new Float64Array(output);
  let position = (step - invented) / 2;
  for (let i = 0; i < output; i++, position += step) positions[i] = position;
  return positions;
}

/** The nearest 1/64 of a position's fraction. */
const phaseOf = (position: number): number => (Math.floor((position - Math.floor(position)) * 2 * phases) + 1) >> 1;

/** Weights that sum to one, in units of 1/4096, rounded towards zero. */
function fixedPoint(weights: Float64Array): Int32Array {
  const sum = weights.reduce((a, b) => a + b);
  return Int32Array.from(weights, (weight) => Math.trunc((weight / sum) * one));
}

/** Enlarges with Catmull-Rom, which libvips also uses for Lanczos. Enlarged pixel i is at `i / scale - 1/2`, as in libvips. */
export function enlargingWeights(input: number, output: number): Weights {
  const position = (i: number) => (i * input) / output - 0.5;
  const { at } = kernels.cubic;
  const masks = Array.from({ length: phases + 1 }, (_, phase) =>
    Int32Array.from({ length: 4 }, (_, i) => Math.trunc(at(i - 1 - phase / phases) * one)),
  );
  return lineUp({
    length: output,
    input,
    stride: 4,
    rounding: { offset: one / 2, factor: 1 / one },
    first: (i) => Math.floor(position(i)) - 1,
    weightsOf: (i) => masks[phaseOf(position(i))],
  });
}

/**
 * Source pixels of nearest-neighbour resizing for a row or a column. When enlarging, libvips accumulates positions along a row, and
 * multiplies along a column. When shrinking, it accumulates, in strips of a certain height within a column.
 */
export function nearestPixels(input: number, output: number, line: 'row' | 'column'): Int32Array {
  if (output % input === 0) return Int32Array.from({ length: output }, (_, i) => Math.floor(i / (output / input)));
  if (output > input) return enlargedNearest(input, output, line);
  // For a large factor, only every by-th pixel is used.
  const by = averaged(input, output);
  const left = Math.floor(input / by);
  const step = 1 / ((1 / (input / output)) * by);
  const positions = shrunkPositions(output, step, output * step - left);
  return Int32Array.from(positions, (position) => by * Math.min(left - 1, Math.max(0, Math.floor(position))));
}

function enlargedNearest(input: number, output: number, line: 'row' | 'column'): Int32Array {
  const step = inverted(input, output);
  const pixels = new Int32Array(output);
  for (let i = 0, added = 0; i < output; i++, added += step)
    pixels[i] = Math.min(input - 1, Math.floor(line === 'row' ? added : i * step));
  return pixels;
}

/** Minimum ratio of a blur's outermost weight to the central one. */
const leastAmplitude = 0.2;

/** Radius of a blur in pixels; 0 if it changes nothing. */
export function blurRadius(sigma: number): number {
  const limit = Math.trunc(8 * sigma);
  let x = 0;
  while (x < limit && Math.exp(-(x * x) / (2 * sigma * sigma)) >= leastAmplitude) x++;
  return Math.max(0, x - 1);
}

/**
 * Gaussian blur of a line with sharp's small integer weights (20 in the centre). libvips scales their sum to a power of two, which
 * brightens or darkens an image by up to 2%. If it would be more, libvips divides.
 */
export function blurringWeights(length: number, sigma: number): Weights {
  const radius = blurRadius(sigma);
  const size = 2 * radius + 1;
  const whole = Int32Array.from({ length: size }, (_, i) =>
    Math.round(20 * Math.exp(-((i - radius) ** 2) / (2 * sigma * sigma))),
  );
  const sum = whole.reduce((a, b) => a + b);
  const bits = 7 - Math.ceil(Math.log2(whole[radius] / sum) + 1);
  const scaled = whole.map((value) => Math.round((value / sum) * 2 ** bits));
  const rounded = scaled.reduce((a, b) => a + b);
  // Compared for a grey of 128. The exact weights can give slightly less, which truncates to 127.
  const exact = Math.trunc(whole.reduce((total, value) => total + 128 * (value / sum), 0));
  const isClose = Math.abs(exact - Math.floor((128 * rounded + 2 ** (bits - 1)) / 2 ** bits)) <= 2;
  const mask = isClose ? scaled : whole;
  // The extra 0.5 keeps a multiplication by an inverse from falling below whole numbers.
  const rounding = isClose
    ? { offset: 2 ** (bits - 1), factor: 2 ** -bits }
    : { offset: (sum >> 1) + 0.5, factor: 1 / sum };
  return lineUp({
    length,
    input: length,
    stride: size,
    rounding,
    first: (i) => i - radius,
    weightsOf: () => mask,
  });
}
