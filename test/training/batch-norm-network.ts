/** The network of scripts/reference/batch_norm.py. */
import { float } from '../../src/onnx/index.ts';
import { smallModel, tensor } from '../small-models.ts';

export const STATISTICS = ['bn.running_mean', 'bn.running_var'];
const SHAPES: Readonly<Record<string, readonly number[]>> = {
  'conv.weight': [3, 2, 3, 3],
  'bn.weight': [3],
  'bn.bias': [3],
  'bn.running_mean': [3],
  'bn.running_var': [3],
  'fc.weight': [2, 3],
  'fc.bias': [2],
};
export const PARAMETERS = Object.keys(SHAPES).filter((name) => !STATISTICS.includes(name));

/** @param initial initial values of parameters and statistics */
export const batchNormNetwork = (initial: Readonly<Record<string, readonly number[]>>) =>
  smallModel({
    opset: 18,
    inputs: { x: ['N', 2, 4, 5] },
    outputs: { logits: ['N', 2] },
    initializers: Object.fromEntries(
      Object.entries(initial).map(([name, values]) => [name, tensor('float32', SHAPES[name], (i) => values[i])]),
    ),
    nodes: [
      ['Conv', ['x', 'conv.weight'], ['h'], { pads: [1, 1, 1, 1], kernel_shape: [3, 3] }],
      [
        'BatchNormalization',
        ['h', 'bn.weight', 'bn.bias', 'bn.running_mean', 'bn.running_var'],
        ['n'],
        { epsilon: float(1e-3), momentum: float(0.8) },
      ],
      ['Tanh', ['n'], ['t']],
      ['GlobalAveragePool', ['t'], ['p']],
      ['Flatten', ['p'], ['f']],
      ['Gemm', ['f', 'fc.weight', 'fc.bias'], ['logits'], { transB: 1 }],
    ],
  });
