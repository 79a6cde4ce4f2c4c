import { axis, type GraphBuilder, product, tensor, type Value } from '../../onnx/index.ts';
import type { RuleContext, Rules } from '../rule.ts';

/** How one axis is resampled. */
interface Resampling {
  readonly axis: number;
  readonly input: number;
  readonly output: number;
  readonly scale: number;
}

/** Where position `i` of the result lies on the axis of the source (ONNX `Resize`, coordinate_transformation_mode). */
const COORDINATES: Readonly<Record<string, (i: number, r: Resampling) => number>> = {
  half_pixel: (i, { scale }) => (i + 0.5) / scale - 0.5,
  half_pixel_symmetric: (i, { scale, input, output }) =>
    (input / 2) * (1 - output / (scale * input)) + (i + 0.5) / scale - 0.5,
  pytorch_half_pixel: (i, { scale, output }) => (output > 1 ? (i + 0.5) / scale - 0.5 : 0),
  align_corners: (i, { input, output }) => (output > 1 ? (i * (input - 1)) / (output - 1) : 0),
  asymmetric: (i, { scale }) => i / scale,
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

/** The matrix [output, input] that resamples one axis. */
function interpolation(r: Resampling, attributes: RuleContext['attributes']): Float32Array {
  const { mode = 'nearest', nearest_mode = 'round_prefer_floor', antialias = 0, exclude_outside = 0 } = attributes;
  const { coordinate_transformation_mode = 'half_pixel', cubic_coeff_a = -0.75 } = attributes;
  const matrix = new Float32Array(r.output * r.input);
  const clamp = (k: number) => Math.min(Math.max(k, 0), r.input - 1);
  const stretch = antialias ? Math.min(r.scale, 1) : 1;
  const [kernel, reach] = mode === 'cubic' ? [keys(cubic_coeff_a), 2] : [triangle, 1];
  for (let i = 0; i < r.output; i++) {
    const at = Math.fround(COORDINATES[coordinate_transformation_mode](i, r));
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

/** Which axes are resampled, and how; sizes and scales must be known when compiling. */
function resamplings({ inputs, outputs: [y], attributes, constant, refuse }: RuleContext): Resampling[] {
  const [x, , scales, sizes] = inputs;
  const { axes, keep_aspect_ratio_policy: policy = 'stretch' } = attributes;
  const along: number[] = axes?.map((a: number) => axis(a, x.shape.length)) ?? x.shape.map((_, i) => i);
  const given = sizes
    ? constant(sizes).map((size, i) =>
        typeof x.shape[along[i]] === 'number' ? size / (x.shape[along[i]] as number) : 1,
      )
    : constant(scales);
  const common = policy === 'not_larger' ? Math.min(...given) : Math.max(...given);
  return along.flatMap((at, i) => {
    const [input, output] = [x.shape[at], y.shape[at]];
    const scale = policy === 'stretch' ? given[i] : common;
    if (input === output && (scale === 1 || typeof input !== 'number')) return [];
    if (typeof input !== 'number' || typeof output !== 'number') return refuse('its picture size is not fixed');
    return [{ axis: at, input, output, scale }];
  });
}

/** By how much an axis was repeated, if that is all that was done to it. */
function repeats({ input, output }: Resampling, matrix: Float32Array): number | undefined {
  const times = output / input;
  const isRepeat =
    Number.isInteger(times) && matrix.every((w, k) => w === (Math.floor(k / input / times) === k % input ? 1 : 0));
  return isRepeat ? times : undefined;
}

/** Multiplies one axis by the transpose of a matrix [output, input]. */
function transposed(b: GraphBuilder, dy: Value, { axis: at, input, output }: Resampling, matrix: Float32Array): Value {
  const [lead, tail] = [dy.shape.slice(0, at), dy.shape.slice(at + 1)];
  const weights = b.cast(b.constant(tensor('float32', [output, input], matrix), 'interpolation'), dy.type);
  const result = tail.length
    ? b.matmul(b.transpose(weights, [1, 0]), b.reshape(dy, [product(lead), output, product(tail)]))
    : b.matmul(b.reshape(dy, [product(lead), output]), weights);
  return b.reshape(result, [...lead, input, ...tail]);
}

export const resampling: Rules = {
  // y = M x along each axis        ∂x = Mᵀ ∂y
  Resize: (context) => {
    const { b, inputs, dy, attributes, refuse } = context;
    if (attributes.coordinate_transformation_mode === 'tf_crop_and_resize') refuse('mode tf_crop_and_resize');
    return [
      () => {
        const resized = resamplings(context).map((r) => ({ r, matrix: interpolation(r, attributes) }));
        const times = inputs[0].shape.map((_, at) => {
          const found = resized.find(({ r }) => r.axis === at);
          return found ? repeats(found.r, found.matrix) : 1;
        });
        if (times.length > 2 && times[0] === 1 && times[1] === 1 && times.every((n) => n !== undefined)) {
          const kernel = times.slice(2) as number[];
          const elements = kernel.reduce((all, k) => all * k, 1);
          return b.mul(b.averagePool(dy[0], kernel, { strides: kernel }), elements);
        }
        return resized.reduce((gradient, { r, matrix }) => transposed(b, gradient, r, matrix), dy[0]);
      },
    ];
  },
};
