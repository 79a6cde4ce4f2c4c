import { axis, float, type GraphBuilder, isStatic, type Shape, tensor, type Value } from '../../../onnx/index.ts';
import { geluGradient } from '../adjoint.ts';
import type { InputGradient, Rule, RuleContext, Rules } from '../rule.ts';
import { activations, tanhGeluGradient } from './activations.ts';
import { convolution, convolve } from './convolution.ts';
import { indexing } from './indexing.ts';
import { matrices } from './matrices.ts';
import { layerNormalization } from './normalization.ts';
import { padding } from './padding.ts';
import { sizeOf } from './positions.ts';
import { shapes } from './shapes.ts';

/** ∂y before a fused activation with parameters. All of these derivatives follow from the activation's result. */
function beforeActivation(context: RuleContext, parameters: readonly number[]): Value {
  const { b, outputs, dy, attributes, refuse } = context;
  const { activation = '' } = attributes;
  const [alpha, beta] = parameters;
  if (activation === '') return dy[0];
  if (!['Relu', 'LeakyRelu', 'Sigmoid', 'Tanh', 'HardSigmoid', 'Clip'].includes(activation))
    refuse(`it has the activation ${activation}`);
  if (activation === 'Tanh') return b.mul(dy[0], b.sub(1, b.square(outputs[0])));
  const bounds = activation === 'Clip' ? [b.scalar(alpha, dy[0].type), b.scalar(beta, dy[0].type)] : [];
  const [gradient] = activations[activation]({
    ...context,
    inputs: [outputs[0], ...bounds],
    attributes: alpha === undefined ? {} : { alpha },
  });
  return (gradient as InputGradient)();
}

// y = LN(x + z + bias)·s + c; the sum may be a second result     ∂x = ∂z = ∂bias = ∂sum
const skipNormalization =
  (centred: boolean): Rule =>
  (context) => {
    const { b, inputs, dy, reached, attributes, refuse } = context;
    const [x, skip, scale] = inputs;
    if (reached[1] || reached[2]) refuse('its mean or standard deviation is used as a result');
    const [shift, bias] = centred ? inputs.slice(3) : [undefined, inputs[3]];
    const sum = b.sum([x, skip, bias].filter((value) => value !== undefined));
    const [ofSum, ofScale, ofShift] = layerNormalization(
      {
        ...context,
        inputs: [sum, scale, shift as Value],
        attributes: { axis: -1, epsilon: attributes.epsilon ?? 1e-12 },
      },
      centred,
    );
    const through = () => (reached[3] ? b.add(ofSum!(), dy[3]) : ofSum!());
    return [through, through, ofScale, ...(centred ? [ofShift] : []), through];
  };

// y = α·op(a)·op(b)          ∂a = α·∂y·op(b)ᵀ, ∂b = α·op(a)ᵀ·∂y; a transposed operand has a transposed gradient
const fusedProduct: Rule = ({ b, inputs: [x, w], dy: [dy], attributes, refuse }) => {
  const { transA = 0, transB = 0, alpha = 1, transBatchA = 0, transBatchB = 0 } = attributes;
  if (transBatchA || transBatchB) refuse('it has transBatchA or transBatchB');
  if (x.shape.length < 2 || w.shape.length < 2) refuse('one of its operands is a vector');
  return [
    () =>
      transA
        ? b.fusedMatMul(w, dy, { transA: !!transB, transB: true, alpha })
        : b.fusedMatMul(dy, w, { transB: !transB, alpha }),
    () =>
      transB
        ? b.fusedMatMul(dy, x, { transA: true, transB: !!transA, alpha })
        : b.fusedMatMul(x, dy, { transA: !transA, alpha }),
  ];
};

/** 1/x, or 0 if x is 0. */
const inverseOf = (b: GraphBuilder, x: Value): Value =>
  b.where(b.equal(x, 0), x, b.div(1, b.where(b.equal(x, 0), 1, x)));

/** Operators of the domain `com.microsoft` that ONNX Runtime's own optimizer and converters write into models. */
export const microsoft: Rules = {
  // y = x·Φ(x)
  Gelu: ({ b, inputs: [x], dy: [dy] }) => [() => geluGradient(b, x, dy)],

  // y = gelu(x + bias)         ∂bias = ∂x
  BiasGelu: ({ b, inputs: [x, bias], dy: [dy] }) => {
    const gradient = () => geluGradient(b, b.add(x, bias), dy);
    return [gradient, gradient];
  },
  FastGelu: ({ b, inputs: [x, bias], dy: [dy] }) => {
    const gradient = () => tanhGeluGradient(b, bias ? b.add(x, bias) : x, dy);
    return [gradient, gradient];
  },

  // y = x·σ(αx)
  QuickGelu: (context) => activations.Swish({ ...context, attributes: { alpha: context.attributes.alpha ?? 1.702 } }),

  FusedMatMul: fusedProduct,

  // y = act(x ∗ w + c + z)
  FusedConv: (context) => {
    const before = beforeActivation(context, context.attributes.activation_params ?? []);
    return [...convolve({ ...context, dy: [before] }), () => before];
  },

  // y = act(α·a·b + β·c)
  FusedGemm: (context) => {
    const { activation_alpha: alpha, activation_beta: beta } = context.attributes;
    return matrices.Gemm({ ...context, dy: [beforeActivation(context, alpha === undefined ? [] : [alpha, beta])] });
  },

  // y = LN(words[i] + positions[j] + segments[k])·s + c; the sum may be a second result
  EmbedLayerNormalization: ({ b, attributes, composed }) =>
    composed(([ids, segmentIds, words, positions, segments, scale, shift, , positionIds]) => {
      const [, length] = ids.shape;
      const rows = sizeOf(b, ids, 1);
      const firstRows = () =>
        b.emit(
          'Slice',
          [positions, b.ints([0]), rows, b.ints([0])],
          [{ type: positions.type, shape: [length, positions.shape[1]] }],
        )[0];
      const sum = b.sum([
        b.gather(words, ids),
        positionIds ? b.gather(positions, positionIds) : firstRows(),
        ...(segments ? [b.gather(segments, segmentIds)] : []),
      ]);
      const epsilon = float(attributes.epsilon ?? 1e-12);
      const [y] = b.emit('LayerNormalization', [sum, scale, shift], [sum], { axis: -1, epsilon });
      return [y, undefined, sum];
    }),

  ExpandDims: shapes.Unsqueeze,
  GatherND: indexing.GatherND,
  Pad: padding.Pad,
  TransposeMatMul: fusedProduct,
  Trilu: shapes.Trilu,

  // y = x⁻¹            ∂x = −yᵀ·∂y·yᵀ
  Inverse: ({ b, outputs: [y], dy: [dy] }) => [
    () => b.fusedMatMul(b.fusedMatMul(y, dy, { transA: true, alpha: -1 }), y, { transB: true }),
  ],

  // y = (a − b)² between all rows of a and b, or its root      ∂a = 2·∂(y²)·(a − b), with ∂(y²) = ∂y/2y for the root
  CDist: ({ b, inputs: [x, z], outputs: [y], dy: [dy], attributes: { metric = 'sqeuclidean' } }) => {
    const doubled = () => (metric === 'euclidean' ? b.mul(dy, inverseOf(b, y)) : b.mul(dy, 2));
    const sums = (over: number) => b.reduceSum(doubled(), [over], { keepdims: true });
    return [
      () => b.sub(b.mul(x, sums(1)), b.matmul(doubled(), z)),
      () => b.sub(b.mul(z, b.transpose(sums(0), [1, 0])), b.gemm(doubled(), x, undefined, { transA: true })),
    ];
  },

  // y = windows of x along an axis, as a last axis
  UnfoldTensor: ({ b, inputs: [input], outputs: [y], attributes: { dim = -1, size, step = 1 }, refuse, composed }) => {
    const at = axis(dim, input.shape.length);
    const windows = y.shape[at];
    if (typeof windows !== 'number') return refuse('the size of its axis is not fixed');
    const places = BigInt64Array.from({ length: windows * size }, (_, i) =>
      BigInt(Math.floor(i / size) * step + (i % size)),
    );
    const order = [...input.shape.keys()].map((i) => (i > at ? i + 1 : i));
    return composed(([x]) => {
      const taken = b.gather(x, b.constant(tensor('int64', [windows, size], places), 'windows'), at);
      return [b.transpose(taken, [...order, at + 1])];
    });
  },

  ConvTransposeWithDynamicPads: (context) => {
    const [x, w, pads, bias] = context.inputs;
    const attributes = { ...context.attributes, ...(pads ? { pads: context.constant(pads) } : {}) };
    const [ofX, ofW, ofBias] = convolution.ConvTranspose({ ...context, inputs: [x, w, bias], attributes });
    return [ofX, ofW, undefined, ofBias];
  },

  // y = act(w ∗ x + c) per channel along the last axis, causal; the elements before x are those of the state, or zeros
  CausalConvWithState: ({ b, inputs: [input, weights], outputs, attributes, refuse, composed }) => {
    const { activation = 'none', ndim = 1 } = attributes;
    if (ndim !== 1) refuse('it has more than one axis');
    const sizes: Shape = [...weights.shape.slice(2, 3), ...input.shape.slice(1, 3)];
    if (!isStatic(sizes)) return refuse('its length is not fixed');
    const [size, group, steps] = sizes;
    return composed(([x, w, bias, state]) => {
      const whole = state ? b.concat([state, x], 2) : b.pad(x, [0, 0, size - 1], [0, 0, 0]);
      const sum = b.conv(whole, w, bias, { group });
      return [
        activation === 'none' ? sum : b.mul(sum, b.sigmoid(sum)),
        outputs[1] && b.slice(whole, 2, steps, steps + size - 1),
      ];
    });
  },

  SkipLayerNormalization: skipNormalization(true),
  SkipSimplifiedLayerNormalization: skipNormalization(false),
};
