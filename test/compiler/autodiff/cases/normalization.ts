import { float } from '../../../../src/onnx/index.ts';
import { between, f32 } from '../inputs.ts';
import type { Row } from '../row.ts';

const statistics = (channels: number) => [f32(channels), f32(channels), f32(channels), between(0.5, 2, channels)];

export const normalization: readonly Row[] = [
  ['BatchNormalization', {}, [f32('batch', 3, 2, 2), ...statistics(3)]],
  ['BatchNormalization', { epsilon: float(0.1) }, [f32('batch', 3), ...statistics(3)]],
  ['BatchNormalization', {}, [f32('batch', 2, 4), ...statistics(2)]],
  [
    'BatchNormalization',
    { training_mode: 1 },
    [f32('batch', 3, 2, 2), ...statistics(3)],
    { outputs: [true, false, false] },
  ],
  ['BatchNormalization', { training_mode: 1 }, [f32('batch', 3, 2, 2), ...statistics(3)], { outputs: 3 }],
  [
    'BatchNormalization',
    { training_mode: 1, momentum: float(0.4) },
    [f32('batch', 2, 3), ...statistics(2)],
    { outputs: [false, true, true] },
  ],
  ['LayerNormalization', {}, [f32('batch', 3, 5), f32(5), f32(5)]],
  ['LayerNormalization', {}, [f32('batch', 3, 5), f32(5), f32(5)], { outputs: 3, precision: 'single' }],
  // Its statistics are float32 for every input type.
  [
    'LayerNormalization',
    { axis: 1 },
    [f32('batch', 3, 2), f32(3, 2)],
    { outputs: [false, true, true], precision: 'single' },
  ],
  ['LayerNormalization', { axis: 1, epsilon: float(0.01) }, [f32('batch', 3, 2), f32(3, 2)]],
  ['LayerNormalization', {}, [f32('batch', 4), f32(4)]],
  ['RMSNormalization', {}, [f32('batch', 3, 5), f32(5)]],
  ['RMSNormalization', { axis: 1 }, [f32('batch', 3, 2), f32(3, 2)]],
  ['SimplifiedLayerNormalization', {}, [f32('batch', 3, 5), f32(5)], { opset: 21 }],
  ['InstanceNormalization', {}, [f32('batch', 3, 2, 4), f32(3), f32(3)]],
  ['InstanceNormalization', { epsilon: float(0.1) }, [f32('batch', 2, 5), f32(2), f32(2)]],
  // Its definition computes in single precision.
  ['GroupNormalization', { num_groups: 2 }, [f32('batch', 4, 2, 3), f32(4), f32(4)], { precision: 'single' }],
  [
    'GroupNormalization',
    { num_groups: 2 },
    [f32('batch', 4, 2, 3), f32(2), f32(2)],
    { precision: 'single', opset: 18 },
  ],
  ['MeanVarianceNormalization', {}, [f32('batch', 2, 2, 3)]],
  ['MeanVarianceNormalization', { axes: [2, 3] }, [f32('batch', 2, 2, 3)]],
  ['LpNormalization', {}, [f32('batch', 4)]],
  ['LpNormalization', { p: 1, axis: 1 }, [f32('batch', 4, 2)]],
  ['LRN', { size: 3 }, [f32('batch', 5, 2, 2)]],
  ['LRN', { size: 5, alpha: float(0.3), beta: float(0.6), bias: float(1.5) }, [f32('batch', 5, 2, 2)]],
];
