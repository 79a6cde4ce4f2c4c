/** The networks in TensorFlow.js's layers, channels last, batch norm folded (a bias in every convolution). */
import * as tfc from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-layers';

const conv = (x, filters, kernelSize, strides, activation) =>
  tf.layers.conv2d({ filters, kernelSize, strides, padding: 'same', activation }).apply(x);
const depthwise = (x, strides) =>
  tf.layers.depthwiseConv2d({ kernelSize: 3, strides, padding: 'same', activation: 'relu6' }).apply(x);

/** Expansion, channels, repeats, stride of the first (Sandler et al., 2018, table 2). */
const INVERTED = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
];

/** Each network as its blocks, input side first, the head last. */
const BLOCKS = {
  small: (classes) => [
    ...[16, 32, 64, 128].map((channels) => (x) => conv(x, channels, 3, 2, 'relu')),
    (x) => head(x, classes),
  ],
  mobilenet_v2: (classes) => [
    (x) => conv(x, 32, 3, 2, 'relu6'),
    ...INVERTED.flatMap(([expansion, channels, repeats, stride]) =>
      Array.from({ length: repeats }, (_, i) => (x) => inverted(x, expansion, channels, i === 0 ? stride : 1)),
    ),
    (x) => conv(x, 1280, 1, 1, 'relu6'),
    (x) => head(x, classes),
  ],
  resnet18: (classes) => [
    (x) => tf.layers.maxPooling2d({ poolSize: 3, strides: 2, padding: 'same' }).apply(conv(x, 64, 7, 2, 'relu')),
    ...[64, 128, 256, 512].flatMap((channels, i) => [
      (x) => basic(x, channels, i === 0 ? 1 : 2),
      (x) => basic(x, channels, 1),
    ]),
    (x) => head(x, classes),
  ],
};

function inverted(x, expansion, channels, stride) {
  const before = x.shape.at(-1);
  const wide = expansion === 1 ? x : conv(x, before * expansion, 1, 1, 'relu6');
  const y = conv(depthwise(wide, stride), channels, 1, 1);
  return stride === 1 && before === channels ? tf.layers.add().apply([x, y]) : y;
}

function basic(x, channels, stride) {
  const y = conv(conv(x, channels, 3, stride, 'relu'), channels, 3, 1);
  const skipped = stride === 1 && x.shape.at(-1) === channels ? x : conv(x, channels, 1, stride);
  return tf.layers.reLU().apply(tf.layers.add().apply([skipped, y]));
}

function head(x, classes) {
  const features = tf.layers.globalAveragePooling2d({ dataFormat: 'channelsLast' }).apply(x);
  return tf.layers.dense({ units: classes, activation: 'softmax' }).apply(features);
}

/** Number of blocks from the end, including the head; undefined for all. */
function blocksOf(selection) {
  if (selection === 'all') return undefined;
  if (selection === 'head') return 1;
  const [, count] = /^last:(\d+)$/.exec(selection) ?? [];
  if (count === undefined) throw new Error(`the selection must be head, last:N or all, not ${selection}`);
  return Number(count);
}

/**
 * A network in which the selected part trains.
 *
 * @param selection `head`, `last:N` blocks, or `all`
 */
export function buildNetwork(name, classes, size, selection) {
  const known = Object.keys(BLOCKS);
  if (!known.includes(name)) throw new Error(`it is not written in its layers here, only ${known.join(', ')}`);
  const input = tf.input({ shape: [size, size, 3] });
  const blocks = BLOCKS[name](classes);
  const trained = blocksOf(selection);
  const frozen = trained === undefined ? 0 : blocks.length - trained;
  let x = input;
  let below = [];
  for (const [i, block] of blocks.entries()) {
    x = block(x);
    if (i + 1 === frozen) below = tf.model({ inputs: input, outputs: x }).layers;
  }
  for (const layer of below) layer.trainable = false;
  return tf.model({ inputs: input, outputs: x });
}

/** Number of elements that train. */
export const trainedElements = (network) =>
  network.trainableWeights.reduce((all, { shape }) => all + shape.reduce((a, b) => a * b, 1), 0);

/** A batch as tensors: images channels last, labels one-hot. */
export const channelsLast = ({ inputs: [images], labels }, { batch, size, classes }) => ({
  images: tfc.tidy(() => tfc.transpose(tfc.tensor4d(images.data, [batch, 3, size, size]), [0, 2, 3, 1])),
  labels: tfc.tidy(() => tfc.cast(tfc.oneHot(tfc.tensor1d([...labels].map(Number), 'int32'), classes), 'float32')),
});
