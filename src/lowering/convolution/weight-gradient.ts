import type { ConvolutionAttributes } from '../../autodiff/index.ts';
import { type GraphBuilder, product, type Value } from '../../onnx/index.ts';
import { family, type Lowering, type Machine } from '../lowering.ts';
import { sumOverBatch } from '../scan.ts';
import { columns, copyingFilter, tapsUnder, windowAttributes } from './columns.ts';
import { DEPTHWISE } from './depthwise.ts';
import { type Geometry, geometry, isPointwise } from './geometry.ts';

export interface WeightGradientCall extends Geometry {
  readonly x: Value;
  readonly dy: Value;
  readonly w: Value;
  readonly machine: Machine;
}

/** ∂w = Σₙ ∂y·columnsᵀ, a batch of products and their sum. */
function products(b: GraphBuilder, call: WeightGradientCall): Value {
  const { x, dy, w, batch, channels, filters, group, taps, positions } = call;
  const groups = group === 1 ? [] : [group];
  const left = b.reshape(dy, [batch, ...groups, filters / group, positions]);
  const right = b.reshape(columns(b, x, call, call.machine), [batch, ...groups, (channels / group) * taps, positions]);
  return b.reshape(b.reduceSum(b.fusedMatMul(left, right, { transB: true }), [0]), w.shape);
}

/** ∂w as one product over batch and positions at once, both operands moved to `[…, N·positions]`. */
function oneProduct(b: GraphBuilder, call: WeightGradientCall): Value {
  const { x, dy, w, batch, channels, filters, taps, positions } = call;
  const rows = (value: Value, count: number) =>
    b.reshape(b.transpose(b.reshape(value, [batch, count, positions]), [1, 0, 2]), [
      count,
      product([batch, positions]),
    ]);
  return b.reshape(
    b.gemm(rows(dy, filters), rows(columns(b, x, call, call.machine), channels * taps), undefined, { transB: true }),
    w.shape,
  );
}

/** ∂w summed in a loop over the batch: the columns of one picture at a time, small enough for the caches. */
function looped(b: GraphBuilder, call: WeightGradientCall): Value {
  const { x, dy, w, channels, filters, kernel, taps, positions, spatial } = call;
  const filter = copyingFilter(b, channels, kernel, x.type, call.machine);
  const start = b.expand(b.scalar(0, x.type), [filters, channels * taps]);
  const sum = sumOverBatch(b, [x, dy], start, (before, [picture, gradient]) => {
    const one = b.reshape(picture, [1, channels, ...spatial]);
    const under = tapsUnder(b, one, filter, windowAttributes(call));
    const right = b.reshape(under, [channels * taps, positions]);
    return b.gemm(b.reshape(gradient, [filters, positions]), right, before, { transB: true });
  });
  return b.reshape(sum, w.shape);
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

export const weightGradient = family(({ inputs: [x, dy, w], attributes, machine }) => {
  return { x, dy, w, machine, ...geometry(x.shape, w.shape, dy.shape, attributes as unknown as ConvolutionAttributes) };
}, LOWERINGS);
