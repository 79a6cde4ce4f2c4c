/** Convolutions along axes whose sizes are known only at run time. Correct for every stride, dilation, pad and group. */

import { type GraphBuilder, product, type Value } from '../../../onnx/index.ts';
import type { ConvolutionAttributes } from '../../autodiff/index.ts';
import type { AdjointCall, Candidate, Machine } from '../lowering.ts';
import { copyingFilter } from './columns.ts';
import { convolutionAttributes, type FilterShape, hasKnownSizes, isFilter } from './geometry.ts';

interface Call {
  readonly x: Value;
  readonly dy: Value;
  readonly w: Value<FilterShape>;
  readonly attributes: ConvolutionAttributes;
}

interface WeightCall extends Call {
  readonly machine: Machine;
}

export const hasOpenSizes = (x: Value, dy: Value): boolean => ![x, dy].every(hasKnownSizes);

/** The sum of windows without pads, then with the pads cut off; elements that no window reaches are zero. */
export function gradientAtRunTime(b: GraphBuilder, { x, dy, w, attributes }: Call): Value {
  const { strides, dilations, group, pads } = attributes;
  const reached = x.shape.slice(2).map((_, i) => `${x.name}.reached.${i}`.replaceAll('*', '_'));
  const whole = b.convTranspose(dy, w, { strides, dilations, group }, reached);
  const before = b.ints([0, 0, ...reached.map((_, i) => -pads[i])]);
  const after = b.sub(b.sub(b.shapeOf(x), b.shapeOf(whole)), before);
  return b.emit('Pad', [whole, b.concat([before, after], 0)], [x])[0];
}

/** ∂w = Σₙ ∂y·(the elements of x under each tap)ᵀ. */
function weightGradient(b: GraphBuilder, { x, dy, w, attributes, machine }: WeightCall): Value {
  const { strides, dilations, group, pads } = attributes;
  const [filters, inputs, ...kernel] = w.shape;
  const [batch] = x.shape;
  const channels = inputs * group;
  const taps = product(kernel);
  const filter = copyingFilter(b, { channels, kernel, type: x.type, machine });
  const whole = filter.shape[0] / channels;
  const out = dy.shape.slice(2);
  const positions = product(out);
  const copied = b.conv(x, filter, undefined, { strides, dilations, pads, group: channels }, out);
  const under = b.reshape(copied, [batch, channels, whole, positions]);
  const right = b.reshape(whole === taps ? under : b.slice(under, 2, 0, taps), [
    batch,
    group,
    (channels / group) * taps,
    positions,
  ]);
  const left = b.reshape(dy, [batch, group, filters / group, positions]);
  return b.reshape(b.reduceSum(b.fusedMatMul(left, right, { transB: true }), [0]), w.shape);
}

/** The only way to write an adjoint with unknown sizes. */
export const onlyCandidate = (emit: (b: GraphBuilder) => Value): readonly Candidate[] => [
  { name: 'at-run-time', suits: true, emit },
];

function described([x, dy, w]: readonly Value[], { attributes, machine }: AdjointCall): WeightCall {
  if (!isFilter(w)) throw new Error(`the shape of the filter "${w.name}", [${w.shape}], is not known when compiling`);
  return { x, dy, w, attributes: convolutionAttributes(attributes), machine };
}

export const inputGradientAtRunTime = (call: AdjointCall): readonly Candidate[] => {
  const [dy, w, x] = call.inputs;
  return onlyCandidate((b) => gradientAtRunTime(b, described([x, dy, w], call)));
};

export const weightGradientAtRunTime = (call: AdjointCall): readonly Candidate[] =>
  onlyCandidate((b) => weightGradient(b, described(call.inputs, call)));
