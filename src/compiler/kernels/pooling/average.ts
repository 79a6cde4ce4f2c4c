import { arrayFrom, type GraphBuilder, product, tensor, type Value } from '../../../onnx/index.ts';
import { hasOpenSizes, onlyCandidate } from '../convolution/at-run-time.ts';
import { crop, type MapShape } from '../convolution/geometry.ts';
import { type Family, family, type Lowering } from '../lowering.ts';
import { insertZeros } from '../zero-insertion.ts';
import { averageAtRunTime } from './at-run-time.ts';
import { type SizedWindow, sizedWindowOf } from './window.ts';

/** The number of elements that each window averages over, along one axis. */
function counts({ kernel, strides, dilations, begins, ends, spatial, out, countIncludePad }: SizedWindow, i: number) {
  const limit = spatial[i] + (countIncludePad ? ends[i] : 0);
  const least = countIncludePad ? -begins[i] : 0;
  return Array.from({ length: out[i] }, (_, j) => {
    const first = j * strides[i] - begins[i];
    const taps = Array.from({ length: kernel[i] }, (_, t) => first + t * dilations[i]);
    return taps.filter((at) => at >= least && at < limit).length;
  });
}

/** ∂y times `numerator`, divided by the number of elements in its window. */
function shared(b: GraphBuilder, call: SizedWindow, numerator: number): Value<MapShape> {
  const { dy, out } = call;
  const axes = out.map((_, i) => counts(call, i));
  const weights = axes.reduce<number[]>((all, axis) => all.flatMap((a) => axis.map((c) => a / c)), [numerator]);
  if (weights.every((weight) => weight === weights[0])) return b.mul(dy, weights[0]);
  const shares = b.constant(tensor('float32', out, arrayFrom('float32', weights)), 'shares');
  return b.reshape(b.mul(dy, b.cast(shares, dy.type)), dy.shape);
}

/** Pads with which the sum over windows of the spread ∂y has x's size. */
function margins({ kernel, strides, dilations, begins, spatial, out }: SizedWindow): [number[], number[]] {
  return [
    kernel.map((k, i) => dilations[i] * (k - 1) - begins[i]),
    kernel.map((_, i) => spatial[i] - out[i] * strides[i] + begins[i]),
  ];
}

/** Explicit padding, for pads that `AveragePool` refuses: those as wide as its kernel. */
function padded(
  b: GraphBuilder,
  x: Value<MapShape>,
  begins: readonly number[],
  ends: readonly number[],
): Value<MapShape> {
  const positive = (pads: readonly number[]) => [0, 0, ...pads.map((p) => Math.max(p, 0))];
  return b.pad(crop(b, x, begins, ends), positive(begins), positive(ends));
}

const isPlain = ({ dilations }: SizedWindow) => dilations.every((d) => d === 1);

const LOWERINGS: readonly Lowering<SizedWindow>[] = [
  {
    // Apart from strides, borders and counts, the average of windows is its own adjoint.
    name: 'average',
    applies: isPlain,
    emit: (b, call) => {
      const { kernel, strides } = call;
      const [begins, ends] = margins(call);
      const spread = insertZeros(b, shared(b, call, product(kernel)), strides);
      const fits = [...begins, ...ends].every((p, i) => p >= 0 && p < kernel[i % kernel.length]);
      return fits
        ? b.averagePool(spread, kernel, { pads: [...begins, ...ends], count_include_pad: 1 })
        : b.averagePool(padded(b, spread, begins, ends), kernel, {});
    },
  },
  {
    name: 'convolution',
    emit: (b, call) => {
      const { x, dy, kernel, strides, dilations } = call;
      const [, channels] = x.shape;
      const [begins, ends] = margins(call);
      const spread = padded(b, insertZeros(b, shared(b, call, 1), strides), begins, ends);
      const ones = b.expand(b.scalar(1, dy.type), [channels, 1, ...kernel]);
      return b.conv(spread, ones, undefined, { dilations, group: channels });
    },
  },
];

const withKnownSizes = family(sizedWindowOf, LOWERINGS);

export const averagePoolGradient: Family = (call) => {
  const [dy, x] = call.inputs;
  return hasOpenSizes(x, dy) ? onlyCandidate((b) => averageAtRunTime(b, call)) : withKnownSizes(call);
};
