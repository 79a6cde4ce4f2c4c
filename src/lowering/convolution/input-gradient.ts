import type { ConvolutionAttributes } from '../../autodiff/index.ts';
import type { GraphBuilder, Value } from '../../onnx/index.ts';
import { family, type Lowering } from '../lowering.ts';
import { insertZeros } from '../zero-insertion.ts';
import { convSigned, type Geometry, geometry, isDepthwise, isPointwise, isUnstrided } from './geometry.ts';

/** Below this, small convolutions waste most of a vector. */
const FEW_CHANNELS = 32;

interface Call extends Geometry {
  readonly dy: Value;
  readonly w: Value;
  readonly x: Value;
}

/** The filter turned by 180° with its input and output channels exchanged: `[O, C/g, …]` to `[C, O/g, …]`. */
function turned(b: GraphBuilder, w: Value, { group, channels, filters, kernel, taps }: Geometry): Value {
  const [o, c] = [filters / group, channels / group];
  const exchanged = b.transpose(b.reshape(w, [group, o, c, taps]), [0, 2, 1, 3]);
  return b.reshape(taps > 1 ? b.reverse(exchanged, 3) : exchanged, [channels, o, ...kernel]);
}

/** ∂x = full correlation of the spread ∂y with the turned filter. Right for every stride, dilation, pad and group. */
function flipped(b: GraphBuilder, call: Call): Value {
  const { dy, w, kernel, strides, dilations, begins, spatial, out, group } = call;
  const before = kernel.map((k, i) => dilations[i] * (k - 1) - begins[i]);
  const after = kernel.map((_, i) => spatial[i] - out[i] * strides[i] + begins[i]);
  return convSigned(b, insertZeros(b, dy, strides), turned(b, w, call), before, after, { group, dilations });
}

function transposed(b: GraphBuilder, call: Call): Value {
  const { dy, w, kernel, strides, dilations, begins, ends, spatial, out, group } = call;
  const output_padding = kernel.map(
    (k, i) => spatial[i] + begins[i] + ends[i] - dilations[i] * (k - 1) - 1 - (out[i] - 1) * strides[i],
  );
  return b.convTranspose(dy, w, { strides, dilations, pads: [...begins, ...ends], group, output_padding }, spatial);
}

/** 1x1: ∂x = wᵀ·∂y in each position. */
function pointwise(b: GraphBuilder, call: Call): Value {
  const { dy, w, x, batch, group, channels, filters, positions } = call;
  const groups = group === 1 ? [] : [group];
  const left = b.reshape(w, [...groups, filters / group, channels / group]);
  const right = b.reshape(dy, [batch, ...groups, filters / group, positions]);
  return b.reshape(b.fusedMatMul(left, right, { transA: true }), x.shape);
}

/**
 * A strided convolution's ∂x by phases: positions h = s·a + r of one remainder r see only the taps i = q, q + s, …, where
 * q = (r + pad) mod s: ∂x[s·a + r] = Σₜ ∂y[a + ⌊(r + pad)/s⌋ − t]·w[q + t·s]. One small unstrided convolution a phase; their results
 * are interleaved.
 */
function phases(b: GraphBuilder, call: Call): Value {
  const { strides, spatial } = call;
  const filter = turned(b, call.w, call);
  const interleave = (axis: number, chosen: readonly number[]): Value => {
    if (axis === strides.length) return phase(b, call, filter, chosen);
    const parts = Array.from({ length: strides[axis] }, (_, r) => interleave(axis + 1, [...chosen, r]));
    if (parts.length === 1) return parts[0];
    const { shape } = parts[0];
    const at = 2 + axis;
    const joined = b.concat(
      parts.map((part) => b.unsqueeze(part, [at + 1])),
      at + 1,
    );
    const size = (shape[at] as number) * strides[axis];
    const whole = b.reshape(joined, [...shape.slice(0, at), size, ...shape.slice(at + 1)]);
    return size > spatial[axis] ? b.slice(whole, at, 0, spatial[axis]) : whole;
  };
  return interleave(0, []);
}

function phase(b: GraphBuilder, call: Call, filter: Value, remainders: readonly number[]): Value {
  const { dy, kernel, strides, begins, spatial, out, group } = call;
  const axes = remainders.map((r, i) => {
    const s = strides[i];
    const q = (r + begins[i]) % s;
    const taps = Math.ceil((kernel[i] - q) / s);
    const before = taps - 1 - Math.floor((r + begins[i]) / s);
    return { q, taps, before, after: Math.ceil(spatial[i] / s) - out[i] + taps - 1 - before };
  });
  // In the turned filter tap i is at k - 1 - i: the phase's taps begin where the last of them is.
  const sub = axes.reduce((rest, { q, taps }, i) => {
    const s = strides[i];
    if (s === 1) return rest;
    const last = kernel[i] - 1 - (q + (taps - 1) * s);
    return b.slice(rest, 2 + i, last, kernel[i], s);
  }, filter);
  return convSigned(
    b,
    dy,
    sub,
    axes.map(({ before }) => before),
    axes.map(({ after }) => after),
    { group },
  );
}

const LOWERINGS: readonly Lowering<Call>[] = [
  { name: 'pointwise', applies: (call) => isPointwise(call) && isUnstrided(call), emit: pointwise },
  {
    name: 'transposed',
    applies: ({ kernel, dilations, begins, ends }) =>
      kernel.every((k, i) => begins[i] <= dilations[i] * (k - 1) && ends[i] <= dilations[i] * (k - 1)),
    // Its second half, adding columns up into the picture, uses one core: worth it where there is little else to do.
    suits: (call) => !isUnstrided(call) && (isDepthwise(call) || isPointwise(call) || call.channels < FEW_CHANNELS),
    emit: transposed,
  },
  {
    name: 'phases',
    applies: (call) =>
      !isUnstrided(call) && call.kernel.every((k, i) => k >= call.strides[i] && call.dilations[i] === 1),
    suits: (call) => !isDepthwise(call),
    emit: phases,
  },
  { name: 'flipped', emit: flipped },
];

export const inputGradient = family(({ inputs: [dy, w, x], attributes }) => {
  return { dy, w, x, ...geometry(x.shape, w.shape, dy.shape, attributes as unknown as ConvolutionAttributes) };
}, LOWERINGS);
