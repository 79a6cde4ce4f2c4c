/** The default model's network: a small residual network (He et al., 2016) for 80x80 images, from random weights. */
import { arrayFrom, float, GraphBuilder, type Model, tensor, type Value } from '../../src/onnx/index.ts';
import { Random } from '../../src/random.ts';

const STEM = 24;
/** Channels and blocks of each stage; each stage halves the image's sides. */
const STAGES = [
  { channels: 32, blocks: 1 },
  { channels: 64, blocks: 2 },
  { channels: 96, blocks: 2 },
];
/** The number of features for the head: with more features, a new head separates classes more easily. */
const FEATURES = 384;

/**
 * @param classes number of outputs
 * @returns input `pixel_values` `[batch, 3, 80, 80]`, output `logits` `[batch, classes]`, batch normalization kept
 */
export function defaultNetwork(classes: number, seed: number): Model {
  const b = new GraphBuilder();
  const random = new Random(seed, 'weights');
  const input = b.input('pixel_values', 'float32', ['batch', 3, 80, 80]);

  /** Convolution without bias, then normalization; weights as in PyTorch's `kaiming_normal_(mode='fan_out')` (He et al., 2015). */
  function convNorm(x: Value, name: string, channels: number, kernel: number, stride: number, scale = 1): Value {
    const shape = [channels, x.shape[1] as number, kernel, kernel];
    const std = Math.sqrt(2 / (channels * kernel * kernel));
    const draws = Float32Array.from({ length: shape.reduce((p, d) => p * d, 1) }, () => random.normal() * std);
    const weight = b.initializer(`${name}.conv.weight`, tensor('float32', shape, draws));
    const pad = (kernel - 1) / 2;
    const y = b.conv(x, weight, undefined, { strides: [stride, stride], pads: [pad, pad, pad, pad] });
    const vector = (kind: string, value: number) =>
      b.initializer(`${name}.norm.${kind}`, tensor('float32', [channels], new Float32Array(channels).fill(value)));
    const statistics = [
      vector('weight', scale),
      vector('bias', 0),
      vector('running_mean', 0),
      vector('running_var', 1),
    ];
    return b.emit('BatchNormalization', [y, ...statistics], [y], { epsilon: float(1e-5), momentum: float(0.9) })[0];
  }

  /** The second normalization starts with a scale of zero, so that a block starts as its shortcut (Goyal et al., 2017). */
  function block(x: Value, name: string, channels: number, stride: number): Value {
    const inner = b.unary('Relu', convNorm(x, `${name}.1`, channels, 3, stride));
    const residual = convNorm(inner, `${name}.2`, channels, 3, 1, 0);
    const same = stride === 1 && x.shape[1] === channels;
    return b.unary('Relu', b.add(residual, same ? x : convNorm(x, `${name}.shortcut`, channels, 1, stride)));
  }

  let x = b.unary('Relu', convNorm(input, 'stem', STEM, 3, 2));
  STAGES.forEach(({ channels, blocks }, s) => {
    for (let i = 0; i < blocks; i++) x = block(x, `stage${s + 1}.${i}`, channels, i === 0 ? 2 : 1);
  });
  x = b.unary('Relu', convNorm(x, 'features', FEATURES, 1, 1));
  const features = b.reshape(b.reduceMean(x, [2, 3]), ['batch', FEATURES]);
  const bound = 1 / Math.sqrt(FEATURES);
  const uniform = (shape: number[]) =>
    tensor(
      'float32',
      shape,
      arrayFrom(
        'float32',
        Array.from({ length: shape.reduce((p, d) => p * d, 1) }, () => random.between(-bound, bound)),
      ),
    );
  const weight = b.initializer('head.weight', uniform([classes, FEATURES]));
  const bias = b.initializer('head.bias', uniform([classes]));
  const [logits] = b.emit(
    'Gemm',
    [features, weight, bias],
    [{ type: 'float32', shape: ['batch', classes] }],
    { transB: 1 },
    { as: 'logits' },
  );
  return {
    irVersion: 8,
    opsets: { '': 18 },
    producerName: 'thaw',
    producerVersion: '',
    graph: b.graph('thaw_default', [input], [logits]),
    metadata: {},
  };
}
