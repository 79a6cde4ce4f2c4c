import { type GraphBuilder, product, type Value } from '../../../onnx/index.ts';
import { type Family, family, type Lowering, type Machine } from '../lowering.ts';
import { insertZeros } from '../zero-insertion.ts';
import { hasOpenSizes, inputGradientAtRunTime } from './at-run-time.ts';
import {
  type Convolution,
  convolutionOf,
  convSigned,
  type FilterShape,
  type Geometry,
  isDepthwise,
  isPointwise,
  isUnstrided,
  type MapShape,
} from './geometry.ts';

/** With fewer channels, small convolutions waste most of a vector. */
const FEW_CHANNELS = 32;

/**
 * Operations on maps and filters in one memory layout. A gradient written with them is correct in each layout.
 *
 * @typeParam M a map
 * @typeParam W a filter
 * @typeParam T a rotated filter
 */
export interface Layout<M extends Value, W extends Value, T extends Value> {
  /** The filter rotated by 180° with its input and output channels exchanged: `[O, C/g, …]` to `[C, O/g, …]`. */
  turned(w: W): T;
  /** Every `step`-th tap of a rotated filter along a spatial axis. */
  taps(filter: T, axis: number, start: number, end: number, step: number): T;
  /** An unstrided convolution. Negative pads skip elements of x. */
  conv(x: M, filter: T, begins: readonly number[], ends: readonly number[], dilations?: readonly number[]): M;
  /** Makes spatial axis i strides[i] times as long, with zeros between the elements. */
  spread(x: M, strides: readonly number[]): M;
  /** Interleaves maps of one size along a spatial axis and cuts the result to `size`. */
  interleave(parts: readonly M[], axis: number, size: number): M;
}

type Filter = Value<FilterShape>;

interface InputGradientCall extends Convolution {
  readonly machine: Machine;
}

const standardLayout = (
  b: GraphBuilder,
  { group, channels, filters, kernel, taps }: Geometry,
): Layout<Value<MapShape>, Filter, Filter> => ({
  turned(w) {
    const [o, c] = [filters / group, channels / group];
    const exchanged = b.transpose(b.reshape(w, [group, o, c, taps]), [0, 2, 1, 3]);
    return b.reshape(taps > 1 ? b.reverse(exchanged, 3) : exchanged, [channels, o, ...kernel]);
  },
  taps: (filter, axis, start, end, step) => b.slice(filter, 2 + axis, start, end, step),
  conv: (x, filter, begins, ends, dilations) => convSigned(b, x, filter, { begins, ends, group, dilations }),
  spread: (x, strides) => insertZeros(b, x, strides),
  interleave(parts, axis, size) {
    const at = 2 + axis;
    const joined = b.concat(
      parts.map((part) => b.unsqueeze(part, [at + 1])),
      at + 1,
    );
    const [batch, channels, ...spatial] = parts[0].shape;
    const length = spatial[axis] * parts.length;
    const whole = b.reshape(joined, [batch, channels, ...spatial.map((d, i) => (i === axis ? length : d))]);
    return length > size ? b.slice(whole, at, 0, size) : whole;
  },
});

/** ∂x = full correlation of the spread ∂y with the rotated filter. Correct for every stride, dilation, pad and group. */
export function flipped<M extends Value, W extends Value, T extends Value>(
  layout: Layout<M, W, T>,
  dy: M,
  w: W,
  sizes: Geometry,
): M {
  const { kernel, strides, dilations, begins, spatial, out } = sizes;
  const before = kernel.map((k, i) => dilations[i] * (k - 1) - begins[i]);
  const after = kernel.map((_, i) => spatial[i] - out[i] * strides[i] + begins[i]);
  const spread = strides.every((s) => s === 1) ? dy : layout.spread(dy, strides);
  return layout.conv(spread, layout.turned(w), before, after, dilations);
}

function transposed(b: GraphBuilder, call: Convolution): Value {
  const { dy, w, kernel, strides, dilations, begins, ends, spatial, out, group } = call;
  const output_padding = kernel.map(
    (k, i) => spatial[i] + begins[i] + ends[i] - dilations[i] * (k - 1) - 1 - (out[i] - 1) * strides[i],
  );
  return b.convTranspose(dy, w, { strides, dilations, pads: [...begins, ...ends], group, output_padding }, spatial);
}

/** 1x1: ∂x = wᵀ·∂y at each position. */
function pointwise(b: GraphBuilder, call: Convolution): Value {
  const { dy, w, x, batch, group, channels, filters, positions } = call;
  const groups = group === 1 ? [] : [group];
  const left = b.reshape(w, [...groups, filters / group, channels / group]);
  const right = b.reshape(dy, [batch, ...groups, filters / group, positions]);
  return b.reshape(b.fusedMatMul(left, right, { transA: true }), x.shape);
}

/** The same for small maps: one product over batch and positions fills the vectors that the positions of one image do not. */
function pointwiseAtOnce(b: GraphBuilder, { dy, w, x, batch, channels, filters, positions }: Convolution): Value {
  const moved = b.transpose(b.reshape(dy, [batch, filters, positions]), [1, 0, 2]);
  const right = b.reshape(moved, [filters, product([batch, positions])]);
  const all = b.gemm(b.reshape(w, [filters, channels]), right, undefined, { transA: true });
  return b.reshape(b.transpose(b.reshape(all, [channels, batch, positions]), [1, 0, 2]), x.shape);
}

/** Whether each phase has taps, and its taps are adjacent. */
export const hasPhases = ({ kernel, strides, dilations }: Geometry): boolean =>
  kernel.every((k, i) => k >= strides[i] && dilations[i] === 1);

/**
 * ∂x of a strided convolution by phases: positions h = s·a + r with the same remainder r see only the taps i = q, q + s, …, where
 * q = (r + pad) mod s: ∂x[s·a + r] = Σₜ ∂y[a + ⌊(r + pad)/s⌋ − t]·w[q + t·s]. Each phase is one small unstrided convolution; their results
 * are interleaved.
 */
export function phases<M extends Value, W extends Value, T extends Value>(
  layout: Layout<M, W, T>,
  dy: M,
  w: W,
  sizes: Geometry,
): M {
  const { strides, spatial } = sizes;
  const filter = layout.turned(w);
  const interleave = (axis: number, chosen: readonly number[]): M => {
    if (axis === strides.length) return phase(layout, dy, filter, sizes, chosen);
    const parts = Array.from({ length: strides[axis] }, (_, r) => interleave(axis + 1, [...chosen, r]));
    return parts.length === 1 ? parts[0] : layout.interleave(parts, axis, spatial[axis]);
  };
  return interleave(0, []);
}

function phase<M extends Value, T extends Value>(
  layout: Pick<Layout<M, never, T>, 'conv' | 'taps'>,
  dy: M,
  filter: T,
  sizes: Geometry,
  remainders: readonly number[],
): M {
  const { kernel, strides, begins, spatial, out } = sizes;
  const axes = remainders.map((r, i) => {
    const s = strides[i];
    const q = (r + begins[i]) % s;
    const taps = Math.ceil((kernel[i] - q) / s);
    const before = taps - 1 - Math.floor((r + begins[i]) / s);
    return { q, taps, before, after: Math.ceil(spatial[i] / s) - out[i] + taps - 1 - before };
  });
  // In the rotated filter, tap i is at k - 1 - i: the phase's taps start at its last one.
  const sub = axes.reduce((rest, { q, taps }, i) => {
    const s = strides[i];
    return s === 1 ? rest : layout.taps(rest, i, kernel[i] - 1 - (q + (taps - 1) * s), kernel[i], s);
  }, filter);
  return layout.conv(
    dy,
    sub,
    axes.map(({ before }) => before),
    axes.map(({ after }) => after),
  );
}

const LOWERINGS: readonly Lowering<InputGradientCall>[] = [
  {
    name: 'pointwise-at-once',
    applies: (call) => isPointwise(call) && isUnstrided(call) && call.group === 1,
    suits: ({ positions, machine }) => machine.scalarSums === true && positions <= 64,
    emit: pointwiseAtOnce,
  },
  { name: 'pointwise', applies: (call) => isPointwise(call) && isUnstrided(call), emit: pointwise },
  {
    name: 'transposed',
    applies: ({ kernel, dilations, begins, ends }) =>
      kernel.every((k, i) => begins[i] <= dilations[i] * (k - 1) && ends[i] <= dilations[i] * (k - 1)),
    // Its second half, which sums columns into the image, uses one core. It is the fastest if there is little other work.
    suits: (call) => !isUnstrided(call) && (isDepthwise(call) || isPointwise(call) || call.channels < FEW_CHANNELS),
    emit: transposed,
  },
  {
    name: 'phases',
    applies: (call) => !isUnstrided(call) && hasPhases(call),
    suits: (call) => !isDepthwise(call),
    emit: (b, call) => phases(standardLayout(b, call), call.dy, call.w, call),
  },
  { name: 'flipped', emit: (b, call) => flipped(standardLayout(b, call), call.dy, call.w, call) },
];

const withKnownSizes = family(
  ({ inputs: [dy, w, x], attributes, machine }) => ({ machine, ...convolutionOf({ x, w, dy }, attributes) }),
  LOWERINGS,
);

export const inputGradient: Family = (call) => {
  const [dy, , x] = call.inputs;
  return hasOpenSizes(x, dy) ? inputGradientAtRunTime(call) : withKnownSizes(call);
};
