/** A convolutional classifier of three layers, small enough to train in a test. */

import { type Inference, inferShapes } from '../../src/compiler/shapes/index.ts';
import { findHead, groupsOf } from '../../src/compiler/surgery/index.ts';
import type { Model } from '../../src/onnx/index.ts';
import { nodeRuntime } from '../../src/runtime/node/sessions.ts';
import type { Anatomy } from '../../src/training/index.ts';
import { type NodeLine, smallModel, tensor, weights } from '../small-models.ts';

export const CLASSES = 3;
export const SIDE = 8;
const FEATURES = 6;

/** One thread: the tensors are tiny, and threads that wait for each other are slow on a busy machine. */
export const runtime = nodeRuntime('cpu', { intraOpNumThreads: 1 });

export interface NetworkOptions {
  /** Batch norm after the second convolution. */
  readonly batchNorm?: boolean;
  /** A second classifier on the features of the first layer, as the output `aux`. */
  readonly auxiliary?: boolean;
}

export function classifier({ batchNorm = false, auxiliary = false }: NetworkOptions = {}): Model {
  const bn: NodeLine[] = [
    [
      'BatchNormalization',
      ['c2', 'bn.weight', 'bn.bias', 'bn.running_mean', 'bn.running_var'],
      ['n2'],
      {},
      '/bn/BatchNormalization',
    ],
  ];
  const aux: NodeLine[] = [
    ['GlobalAveragePool', ['r1'], ['p1'], {}, '/aux/pool'],
    ['Flatten', ['p1'], ['f1'], {}, '/aux/Flatten'],
    ['Gemm', ['f1', 'aux.weight', 'aux.bias'], ['aux'], { transB: 1 }, '/aux/Gemm'],
  ];
  return smallModel({
    opset: 18,
    inputs: { pixel_values: ['batch', 3, SIDE, SIDE] },
    outputs: { logits: ['batch', CLASSES], ...(auxiliary ? { aux: ['batch', 2] } : {}) },
    initializers: {
      'conv1.weight': weights([4, 3, 3, 3], 1),
      'conv1.bias': weights([4], 2),
      'conv2.weight': weights([FEATURES, 4, 3, 3], 3),
      'conv2.bias': weights([FEATURES], 4),
      ...(batchNorm && {
        'bn.weight': tensor('float32', [FEATURES], () => 1),
        'bn.bias': weights([FEATURES], 5),
        'bn.running_mean': weights([FEATURES], 6),
        'bn.running_var': tensor('float32', [FEATURES], (i) => 0.5 + i / 4),
      }),
      'fc.weight': weights([CLASSES, FEATURES], 7),
      'fc.bias': weights([CLASSES], 8),
      ...(auxiliary && { 'aux.weight': weights([2, 4], 9), 'aux.bias': weights([2], 10) }),
    },
    nodes: [
      [
        'Conv',
        ['pixel_values', 'conv1.weight', 'conv1.bias'],
        ['c1'],
        { pads: [1, 1, 1, 1], kernel_shape: [3, 3] },
        '/conv1/Conv',
      ],
      ['Relu', ['c1'], ['r1'], {}, '/relu1/Relu'],
      [
        'Conv',
        ['r1', 'conv2.weight', 'conv2.bias'],
        ['c2'],
        { pads: [1, 1, 1, 1], kernel_shape: [3, 3], strides: [2, 2] },
        '/conv2/Conv',
      ],
      ...(batchNorm ? bn : []),
      ['Relu', [batchNorm ? 'n2' : 'c2'], ['r2'], {}, '/relu2/Relu'],
      ['GlobalAveragePool', ['r2'], ['p2'], {}, '/pool/GlobalAveragePool'],
      ['Flatten', ['p2'], ['f2'], {}, '/Flatten'],
      ['Gemm', ['f2', 'fc.weight', 'fc.bias'], ['logits'], { transB: 1 }, '/fc/Gemm'],
      ...(auxiliary ? aux : []),
    ],
  });
}

export async function prepared(options: NetworkOptions = {}): Promise<{ network: Inference; anatomy: Anatomy }> {
  const network = await inferShapes(classifier(options), runtime);
  const head = findHead(network.model);
  return { network, anatomy: { groups: groupsOf(network.model, head), head } };
}
