import type { ConvolutionAttributes } from '../../autodiff/index.ts';
import type { GraphBuilder, Value } from '../../onnx/index.ts';
import { family, type Lowering } from '../lowering.ts';
import { insertZeros } from '../zero-insertion.ts';
import { convSigned, crop, type Geometry, geometry, isDepthwise, isPointwise, isUnstrided } from './geometry.ts';

interface Call extends Geometry {
  readonly dy: Value;
  readonly w: Value;
  readonly x: Value;
}

/** The filter turned by 180° with its input and output channels exchanged: `[O, C/g, …]` to `[C, O/g, …]`. */
export function turned(b: GraphBuilder, w: Value, { group, channels, filters, kernel, taps }: Geometry): Value {
  const [o, c] = [filters / group, channels / group];
  const exchanged = b.transpose(b.reshape(w, [group, o, c, taps]), [0, 2, 1, 3]);
  return b.reshape(taps > 1 ? b.reverse(exchanged, 3) : exchanged, [channels, o, ...kernel]);
}

/** ∂x = full correlation of the spread ∂y with the turned filter. Right for every stride, dilation, pad and group. */
function flipped(b: GraphBuilder, call: Call): Value {
  const { dy, w, kernel, strides, dilations, begins, spatial, out, group } = call;
  const before = kernel.map((k, i) => dilations[i] * (k - 1) - begins[i]);
  const after = kernel.map((_, i) => spatial[i] - out[i] * strides[i] + begins[i] + strides[i] - 1);
  // Spreading ends with strides - 1 zeros, which the padding counts already.
  const ends = after.map((p, i) => p - (strides[i] - 1));
  return convSigned(b, insertZeros(b, dy, strides), turned(b, w, call), before, ends, { group, dilations });
}

function transposed(b: GraphBuilder, call: Call): Value {
  const { dy, w, kernel, strides, dilations, begins, ends, spatial, out, group } = call;
  const output_padding = kernel.map(
    (k, i) => spatial[i] + begins[i] + ends[i] - dilations[i] * (k - 1) - 1 - (out[i] - 1) * strides[i],
  );
  return b.convTranspose(dy, w, { strides, dilations, pads: [...begins, ...ends], group, output_padding }, spatial);
}

/** 1x1: ∂x = wᵀ·∂y in each position, then spread over the strides. */
function pointwise(b: GraphBuilder, call: Call): Value {
  const { dy, w, batch, group, channels, filters, strides, spatial, out, positions } = call;
  const [o, c] = [filters / group, channels / group];
  const product =
    group === 1
      ? b.fusedMatMul(b.reshape(w, [o, c]), b.reshape(dy, [batch, o, positions]), { transA: true })
      : b.fusedMatMul(b.reshape(w, [group, o, c]), b.reshape(dy, [batch, group, o, positions]), { transA: true });
  const spread = insertZeros(b, b.reshape(product, [batch, channels, ...out]), strides);
  const excess = spatial.map((d, i) => d - out[i] * strides[i]);
  const none = excess.map(() => 0);
  const cropped = crop(b, spread, none, excess);
  return b.pad(cropped, [0, 0, ...none], [0, 0, ...excess.map((e) => Math.max(0, e))]);
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
  { name: 'pointwise', applies: isPointwise, emit: pointwise },
  {
    name: 'phases',
    applies: ({ kernel, strides, dilations }) =>
      kernel.every((k, i) => k >= strides[i]) && dilations.every((d) => d === 1) && strides.some((s) => s > 1),
    suits: (call) => !isDepthwise(call),
    emit: phases,
  },
  {
    name: 'transposed',
    applies: ({ kernel, dilations, begins, ends }) =>
      kernel.every((k, i) => begins[i] <= dilations[i] * (k - 1) && ends[i] <= dilations[i] * (k - 1)),
    // The flipped filter costs a copy of the weights: too much where they outweigh the activations.
    suits: (call) => isUnstrided(call) && call.group === 1 && call.taps * call.filters > 64 * call.positions,
    emit: transposed,
  },
  { name: 'flipped', emit: flipped },
];

export const inputGradient = family(({ inputs: [dy, w, x], attributes }) => {
  return { dy, w, x, ...geometry(x.shape, w.shape, dy.shape, attributes as unknown as ConvolutionAttributes) };
}, LOWERINGS);
