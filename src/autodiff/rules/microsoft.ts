import type { Value } from '../../onnx/index.ts';
import type { Rule, RuleContext, Rules } from '../rule.ts';
import { activations, geluGradient, tanhGeluGradient } from './activations.ts';
import { convolve } from './convolution.ts';
import { layerNormalization } from './normalization.ts';

/** ∂y before an activation that was fused behind an operator; all of these tell it from their result. */
function beforeActivation(context: RuleContext): Value {
  const { b, outputs, dy, attributes, refuse } = context;
  const { activation = '', activation_params: [first, second] = [] } = attributes;
  if (activation === '') return dy[0];
  if (!['Relu', 'LeakyRelu', 'Sigmoid', 'Tanh', 'HardSigmoid', 'Clip'].includes(activation))
    refuse(`activation ${activation}`);
  if (activation === 'Tanh') return b.mul(dy[0], b.sub(1, b.square(outputs[0])));
  const bounds = activation === 'Clip' ? [b.scalar(first, dy[0].type), b.scalar(second, dy[0].type)] : [];
  const rule = activations[activation];
  return rule({
    ...context,
    inputs: [outputs[0], ...bounds],
    attributes: first === undefined ? {} : { alpha: first },
  })[0]!();
}

// y = LN(x + z + bias)·s + c; the sum, too, may be a result     ∂x = ∂z = ∂bias = ∂sum
const skipNormalization =
  (centred: boolean): Rule =>
  (context) => {
    const { b, inputs, dy, reached, attributes, refuse } = context;
    const [x, skip, scale] = inputs;
    if (reached[1] || reached[2]) refuse('its mean or deviation is used as a result');
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

  // y = α·op(a)·op(b)          ∂a = α·∂y·op(b)ᵀ, ∂b = α·op(a)ᵀ·∂y; where an operand was transposed, so is its gradient
  FusedMatMul: ({ b, inputs: [x, w], dy: [dy], attributes, refuse }) => {
    const { transA = 0, transB = 0, alpha = 1, transBatchA = 0, transBatchB = 0 } = attributes;
    if (transBatchA || transBatchB) refuse('transBatchA and transBatchB');
    if (x.shape.length < 2 || w.shape.length < 2) refuse('a vector as an operand');
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
  },

  // y = act(x ∗ w + c + z)
  FusedConv: (context) => {
    const before = beforeActivation(context);
    return [...convolve({ ...context, dy: [before] }), () => before];
  },

  SkipLayerNormalization: skipNormalization(true),
  SkipSimplifiedLayerNormalization: skipNormalization(false),
};
