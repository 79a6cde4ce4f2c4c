import type { ConvolutionAttributes } from '../../autodiff/index.ts';
import { type GraphBuilder, product, tensor, type Value } from '../../onnx/index.ts';
import { family, type Lowering } from '../lowering.ts';
import { sumOverBatch } from '../scan.ts';
import { type Geometry, geometry, isPointwise } from './geometry.ts';

interface Call extends Geometry {
  readonly x: Value;
  readonly dy: Value;
  readonly w: Value;
}

/**
 * A filter that copies: convolved with `group` = C it gives `im2col`, `[N, C·K, positions]` in the order of the weights. Unlike
 * slices and pads, a convolution uses every core.
 */
function copyingFilter(b: GraphBuilder, { channels, taps, kernel }: Geometry, type: Value['type']): Value {
  const eye = new Float32Array(taps * taps);
  for (let i = 0; i < taps; i++) eye[i * taps + i] = 1;
  const one = b.cast(b.constant(tensor('float32', [1, taps, taps], eye), 'eye'), type);
  return b.reshape(b.expand(one, [channels, taps, taps]), [channels * taps, 1, ...kernel]);
}

const convolutionOf = ({ channels, strides, dilations, begins, ends }: Geometry) => ({
  group: channels,
  strides,
  dilations,
  pads: [...begins, ...ends],
});

/** The elements of x under each tap of the filter: `[N, C·K, positions]`. */
function columns(b: GraphBuilder, call: Call): Value {
  const { batch, channels, taps, positions } = call;
  if (isPointwise(call)) return b.reshape(strided(b, call), [batch, channels, positions]);
  const filter = copyingFilter(b, call, call.x.type);
  return b.reshape(b.conv(call.x, filter, undefined, convolutionOf(call)), [batch, channels * taps, positions]);
}

/** The positions of x that a 1x1 convolution looks at. */
const strided = (b: GraphBuilder, { x, strides, spatial }: Call): Value =>
  strides.reduce((rest, s, i) => (s === 1 ? rest : b.slice(rest, 2 + i, 0, spatial[i], s)), x);

/** ∂w = Σₙ ∂y·columnsᵀ, a batch of products and their sum. */
function products(b: GraphBuilder, call: Call): Value {
  const { dy, w, batch, channels, filters, group, taps, positions } = call;
  const groups = group === 1 ? [] : [group];
  const left = b.reshape(dy, [batch, ...groups, filters / group, positions]);
  const right = b.reshape(columns(b, call), [batch, ...groups, (channels / group) * taps, positions]);
  return b.reshape(b.reduceSum(b.fusedMatMul(left, right, { transB: true }), [0]), w.shape);
}

/** ∂w as one product over batch and positions at once, both operands moved to `[…, N·positions]`. */
function oneProduct(b: GraphBuilder, call: Call): Value {
  const { dy, w, batch, channels, filters, taps, positions } = call;
  const rows = (value: Value, count: number) =>
    b.reshape(b.transpose(b.reshape(value, [batch, count, positions]), [1, 0, 2]), [
      count,
      product([batch, positions]),
    ]);
  return b.reshape(
    b.gemm(rows(dy, filters), rows(columns(b, call), channels * taps), undefined, { transB: true }),
    w.shape,
  );
}

/** ∂w summed in a loop over the batch: the columns of one picture at a time, small enough for the caches. */
function looped(b: GraphBuilder, call: Call): Value {
  const { x, dy, w, channels, filters, taps, positions, spatial } = call;
  const filter = copyingFilter(b, call, x.type);
  const start = b.expand(b.scalar(0, x.type), [filters, channels * taps]);
  const sum = sumOverBatch(b, [x, dy], start, (before, [picture, gradient]) => {
    const conv = b.conv(b.reshape(picture, [1, channels, ...spatial]), filter, undefined, convolutionOf(call));
    const right = b.reshape(conv, [channels * taps, positions]);
    return b.gemm(b.reshape(gradient, [filters, positions]), right, before, { transB: true });
  });
  return b.reshape(sum, w.shape);
}

const LOWERINGS: readonly Lowering<Call>[] = [
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
  { name: 'products', emit: products },
];

export const weightGradient = family(({ inputs: [x, dy, w], attributes }) => {
  return { x, dy, w, ...geometry(x.shape, w.shape, dy.shape, attributes as unknown as ConvolutionAttributes) };
}, LOWERINGS);
