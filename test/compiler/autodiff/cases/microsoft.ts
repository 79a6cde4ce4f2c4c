import { float, floats } from '../../../../src/onnx/index.ts';
import { between, exactly, f32, fed, type Input, ints, omitted } from '../inputs.ts';
import type { Row } from '../row.ts';

/**
 * An image, and a convolution. Its results stay within 2 of its biases, so the biases decide the branch of the
 * activation.
 */
const image = (...biases: number[]) => [f32('batch', 2, 4, 4), between(-0.06, 0.06, 2, 2, 3, 3), exactly(biases, 2)];
const fused = (activation: string, ...params: number[]) => ({
  activation,
  activation_params: params.length ? floats(params) : undefined,
  pads: [1, 1, 1, 1],
});

/** Row indices into a table of four rows, for sequences of length three. */
const rows = (...values: number[]): Input => ({
  ...fed(ints(values)),
  type: 'int32',
  shape: ['batch', 3],
  values: (_, count) => Array.from({ length: count }, (_, i) => values[i % values.length]),
});
const embedding = [f32(4, 6), f32(5, 6)];

/** Matrices that are far from singular. */
const matrix = exactly(
  [2, 0.3, -0.4, 0.5, -1.7, 0.2, -0.1, 0.6, 1.9, 1.1, 0.3, 0.2, -0.6, 1.4, 0.5, 0.3, -0.2, 1.6],
  2,
  3,
  3,
);

export const microsoft: readonly Row[] = [
  ['com.microsoft.Gelu', {}, [f32('batch', 3)]],
  ['com.microsoft.BiasGelu', {}, [f32('batch', 3), f32(3)]],
  ['com.microsoft.FastGelu', {}, [f32('batch', 3)]],
  ['com.microsoft.FastGelu', {}, [f32('batch', 3), f32(3)]],
  ['com.microsoft.QuickGelu', {}, [f32('batch', 3)]],
  ['com.microsoft.QuickGelu', { alpha: float(1.3) }, [f32('batch', 3)]],
  ['com.microsoft.FusedMatMul', { transA: 1, alpha: float(0.5) }, [f32('batch', 3, 2), f32('batch', 3, 4)]],
  ['com.microsoft.FusedMatMul', { transB: 1 }, [f32('batch', 2, 3), f32(4, 3)]],
  ['com.microsoft.FusedMatMul', { transA: 1, transB: 1, alpha: float(2) }, [f32(2, 3, 2), f32(1, 4, 3)]],
  ['com.microsoft.FusedConv', {}, image(0.1, 0.2)],
  ['com.microsoft.FusedConv', fused('Relu'), image(3, -3)],
  ['com.microsoft.FusedConv', fused('Relu'), [...image(4, -4), f32('batch', 2, 4, 4)]],
  ['com.microsoft.FusedConv', fused('LeakyRelu', 0.3), image(3, -3)],
  ['com.microsoft.FusedConv', fused('Sigmoid'), image(0.5, -0.5)],
  ['com.microsoft.FusedConv', fused('Tanh'), image(0.5, -0.5)],
  ['com.microsoft.FusedConv', fused('Clip', 0, 6), image(3, 9)],
  ['com.microsoft.FusedConv', fused('HardSigmoid', 0.2, 0.5), image(0, 9)],
  ['com.microsoft.FusedGemm', { transB: 1, activation: 'Tanh' }, [f32('batch', 3), f32(4, 3), f32(4)]],
  [
    'com.microsoft.FusedGemm',
    { activation: 'LeakyRelu', activation_alpha: float(0.3), alpha: float(0.1) },
    [f32('batch', 3), f32(3, 2), exactly([2, -2], 2)],
  ],
  ['com.microsoft.SkipLayerNormalization', {}, [f32('batch', 2, 4), f32('batch', 2, 4), f32(4), f32(4), f32(4)]],
  ['com.microsoft.SkipLayerNormalization', { epsilon: float(0.1) }, [f32('batch', 2, 4), f32('batch', 2, 4), f32(4)]],
  ['com.microsoft.SkipLayerNormalization', {}, [f32('batch', 2, 4), f32('batch', 2, 4), f32(4), f32(4), omitted]],
  [
    'com.microsoft.SkipLayerNormalization',
    {},
    [f32('batch', 2, 4), f32('batch', 2, 4), f32(4), f32(4), f32(4)],
    { outputs: [true, false, false, true] },
  ],
  ['com.microsoft.SkipSimplifiedLayerNormalization', {}, [f32('batch', 2, 4), f32('batch', 2, 4), f32(4), f32(4)]],
  [
    'com.microsoft.EmbedLayerNormalization',
    {},
    [rows(1, 3, 0, 1), rows(0, 1), ...embedding, f32(2, 6), f32(6), f32(6)],
    { outputs: [true, false] },
  ],
  [
    'com.microsoft.EmbedLayerNormalization',
    { epsilon: float(0.1) },
    [rows(2, 3, 0), omitted, ...embedding, omitted, f32(6), f32(6), omitted, rows(4, 1)],
    { outputs: [true, false, true] },
  ],

  ['com.microsoft.ExpandDims', {}, [f32('batch', 3), { ...ints([1], []), type: 'int32' }]],
  ['com.microsoft.GatherND', {}, [f32(3, 4, 2), ints([0, 1, 2, -1, 0, 1], [3, 2])]],
  ['com.microsoft.Inverse', {}, [matrix]],
  ['com.microsoft.Pad', {}, [f32('batch', 3), ints([0, 1, 0, 2])]],
  ['com.microsoft.Pad', {}, [f32('batch', 2, 3), ints([0, 1, 1, 0, 0, 2]), f32(1)]],
  ['com.microsoft.Pad', { mode: 'reflect' }, [f32('batch', 1, 4, 3), ints([0, 0, 2, 1, 0, 0, 3, 2])]],
  ['com.microsoft.Trilu', {}, [f32('batch', 3, 4)]],
  ['com.microsoft.Trilu', { upper: 0 }, [f32('batch', 3, 4), ints([1], [])]],
  ['com.microsoft.TransposeMatMul', { transB: 1, alpha: float(0.5) }, [f32('batch', 2, 3), f32(4, 3)]],
  ['com.microsoft.TransposeMatMul', { transA: 1 }, [f32('batch', 3, 2), f32('batch', 3, 4)]],
  ['com.microsoft.CDist', { metric: 'sqeuclidean' }, [f32('batch', 3), f32(4, 3)]],
  ['com.microsoft.CDist', { metric: 'euclidean' }, [f32('batch', 3), f32(4, 3)]],
  ['com.microsoft.UnfoldTensor', { dim: 1, size: 3, step: 2 }, [f32('batch', 7, 2)]],
  ['com.microsoft.UnfoldTensor', { size: 2 }, [f32('batch', 5)]],
  [
    'com.microsoft.ConvTransposeWithDynamicPads',
    { strides: [2, 2] },
    [f32('batch', 2, 3, 3), f32(2, 3, 3, 3), ints([1, 0, 1, 1]), f32(3)],
  ],
  [
    'com.microsoft.ConvTransposeWithDynamicPads',
    { group: 2 },
    [f32('batch', 2, 3, 3), f32(2, 1, 2, 2), ints([0, 1, 1, 0])],
  ],
  ['com.microsoft.CausalConvWithState', {}, [f32('batch', 3, 5), f32(3, 1, 3)], { outputs: 2 }],
  [
    'com.microsoft.CausalConvWithState',
    { activation: 'silu' },
    [f32('batch', 3, 5), f32(3, 1, 3), f32(3), f32('batch', 3, 2)],
    { outputs: 2 },
  ],
];
