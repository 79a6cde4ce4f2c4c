import { type GraphBuilder, product, type Value } from '../../../onnx/index.ts';
import { type Family, family, type Lowering, type Machine } from '../lowering.ts';
import { sumOverBatch } from '../scan.ts';
import { hasOpenSizes, weightGradientAtRunTime } from './at-run-time.ts';
import { columns, copyingFilter, type Rows } from './columns.ts';
import { DEPTHWISE } from './depthwise.ts';
import {
  type Convolution,
  convolutionOf,
  type FilterShape,
  type Geometry,
  isPointwise,
  isUnstrided,
} from './geometry.ts';

export interface WeightGradientCall extends Convolution {
  readonly machine: Machine;
}

/**
 * The two operands of ∂w = Σₙ left·rightᵀ, `[N, …rows, positions]`: ∂y and the columns of x, or, if ∂y has fewer
 * channels, the columns of ∂y and x, because columns cost memory: ∂w[o, c, t] = Σ ∂y[o, p]·x[c, p + t] = Σ ∂y[o, q − t]·x[c, q].
 */
function operands(
  b: GraphBuilder,
  call: WeightGradientCall,
  filter = filterOf(b, call),
): { left: Value<Rows>; right: Value<Rows> } {
  const { x, dy, batch, channels, filters, positions, spatial } = call;
  if (!takesColumnsOfGradient(call)) {
    return { left: b.reshape(dy, [batch, filters, positions]), right: columns(b, x, call, filter) };
  }
  return {
    left: columns(b, dy, mirrored(call), filter),
    right: b.reshape(x, [batch, channels, product(spatial)]),
  };
}

/** The filter that copies the elements under a window; windows of one element need none. */
function filterOf(b: GraphBuilder, call: WeightGradientCall): Value<FilterShape> | undefined {
  const { x, channels, filters, kernel, machine } = call;
  if (isPointwise(call)) return undefined;
  const turned = takesColumnsOfGradient(call);
  return copyingFilter(b, { channels: turned ? filters : channels, kernel, type: x.type, machine, turned });
}

/** The products of the rows of both operands, in the shape of w. */
function asWeight(b: GraphBuilder, result: Value, call: WeightGradientCall): Value {
  const { w, filters, channels, taps } = call;
  if (!takesColumnsOfGradient(call)) return b.reshape(result, w.shape);
  return b.reshape(b.transpose(b.reshape(result, [filters, taps, channels]), [0, 2, 1]), w.shape);
}

/** The pads of windows over ∂y: at each position of x, such a window sees the positions of ∂y whose windows saw it. */
const mirroredPads = ({ kernel, dilations }: Geometry, pads: readonly number[]) =>
  pads.map((pad, i) => (kernel[i] - 1) * dilations[i] - pad);

function takesColumnsOfGradient(call: Geometry): boolean {
  const { filters, channels, group, begins, ends } = call;
  if (group !== 1 || filters >= channels || isPointwise(call) || !isUnstrided(call)) return false;
  return [begins, ends].every((pads) => mirroredPads(call, pads).every((pad) => pad >= 0));
}

/** The geometry of windows over ∂y, one at each position of x. */
const mirrored = (call: WeightGradientCall): Geometry => ({
  ...call,
  channels: call.filters,
  begins: mirroredPads(call, call.begins),
  ends: mirroredPads(call, call.ends),
  spatial: call.out,
  out: call.spatial,
  positions: product(call.spatial),
});

/** The sum of a batch of products. */
function products(b: GraphBuilder, call: WeightGradientCall): Value {
  const { batch, group } = call;
  const { left, right } = operands(b, call);
  const byGroup = (value: Value<Rows>) => {
    const [, rows, positions] = value.shape;
    return group === 1 ? value : b.reshape(value, [batch, group, rows / group, positions]);
  };
  const each = b.fusedMatMul(byGroup(left), byGroup(right), { transB: true });
  return asWeight(b, b.reduceSum(each, [0]), call);
}

/** A single product over batch and positions, with both operands moved to `[…, N·positions]`. */
function oneProduct(b: GraphBuilder, call: WeightGradientCall): Value {
  const { left, right } = operands(b, call);
  const rows = (value: Value<Rows>) => {
    const [batch, count, positions] = value.shape;
    return b.reshape(b.transpose(value, [1, 0, 2]), [count, product([batch, positions])]);
  };
  return asWeight(b, b.gemm(rows(left), rows(right), undefined, { transB: true }), call);
}

/** Summed in a loop over the batch: the columns of one image fit into the caches. */
function looped(b: GraphBuilder, call: WeightGradientCall): Value {
  const { x, dy, channels, filters, taps, spatial, out } = call;
  const mirroring = takesColumnsOfGradient(call);
  const rows = mirroring ? [filters * taps, channels] : [filters, channels * taps];
  const start = b.expand(b.scalar(0, x.type), rows);
  const filter = filterOf(b, call);
  const sum = sumOverBatch(b, [x, dy], start, (before, [image, gradient]) => {
    const one = {
      ...call,
      batch: 1,
      x: b.reshape(image, [1, channels, ...spatial]),
      dy: b.reshape(gradient, [1, filters, ...out]),
    };
    const { left, right } = operands(b, one, filter);
    const matrix = (value: Value<Rows>) => b.reshape(value, value.shape.slice(1));
    return b.gemm(matrix(left), matrix(right), before, { transB: true });
  });
  return asWeight(b, sum, call);
}

const LOWERINGS: readonly Lowering<WeightGradientCall>[] = [
  {
    name: 'one-product',
    applies: ({ group }) => group === 1,
    suits: ({ positions }) => positions <= 64,
    emit: oneProduct,
  },
  {
    name: 'looped',
    applies: (call) => call.group === 1 && !isPointwise(call),
    suits: ({ positions }) => positions >= 512,
    emit: looped,
  },
  ...DEPTHWISE,
  { name: 'products', emit: products },
];

const withKnownSizes = family(
  ({ inputs: [x, dy, w], attributes, machine }) => ({ machine, ...convolutionOf({ x, w, dy }, attributes) }),
  LOWERINGS,
);

export const weightGradient: Family = (call) => {
  const [x, dy] = call.inputs;
  return hasOpenSizes(x, dy) ? weightGradientAtRunTime(call) : withKnownSizes(call);
};
