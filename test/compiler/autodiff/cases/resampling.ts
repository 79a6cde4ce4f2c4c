import { float } from '../../../../src/onnx/index.ts';
import { constant, exactly, f32, ints, omitted } from '../inputs.ts';
import type { Row } from '../row.ts';

const scales = (...values: number[]) => constant(exactly(values, values.length));
const x = f32('batch', 2, 3, 4);
const MODES = ['half_pixel', 'half_pixel_symmetric', 'pytorch_half_pixel', 'align_corners', 'asymmetric'];

export const resampling: readonly Row[] = [
  ['Resize', {}, [x, omitted, scales(1, 1, 2, 2)]],
  ['Resize', { coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' }, [x, omitted, scales(1, 1, 2, 3)]],
  ['Resize', { nearest_mode: 'ceil' }, [x, omitted, scales(1, 1, 1.6, 0.7)]],
  ['Resize', { nearest_mode: 'round_prefer_ceil' }, [x, omitted, scales(1, 1, 1.5, 0.5)]],
  ...MODES.flatMap((mode): Row[] => [
    ['Resize', { mode: 'linear', coordinate_transformation_mode: mode }, [x, omitted, scales(1, 1, 2, 1.7)]],
    ['Resize', { mode: 'cubic', coordinate_transformation_mode: mode }, [x, omitted, scales(1, 1, 1.7, 0.6)]],
  ]),
  [
    'Resize',
    { mode: 'linear', coordinate_transformation_mode: 'pytorch_half_pixel', axes: [2, 3] },
    [x, omitted, omitted, ints([1, 7])],
  ],
  [
    'Resize',
    { mode: 'linear', axes: [2, 3], keep_aspect_ratio_policy: 'not_larger' },
    [x, omitted, omitted, ints([6, 6])],
  ],
  [
    'Resize',
    { mode: 'linear', axes: [2, 3], keep_aspect_ratio_policy: 'not_smaller' },
    [x, omitted, omitted, ints([6, 6])],
  ],
  ['Resize', { mode: 'linear' }, [f32(2, 2, 3, 4), omitted, omitted, ints([2, 2, 6, 7])]],
  ['Resize', { mode: 'linear', antialias: 1 }, [f32('batch', 1, 6, 7), omitted, scales(1, 1, 0.5, 0.6)]],
  ['Resize', { mode: 'cubic', antialias: 1 }, [f32('batch', 1, 6, 7), omitted, scales(1, 1, 0.5, 0.6)]],
  ['Resize', { mode: 'cubic', exclude_outside: 1, cubic_coeff_a: float(-0.5) }, [x, omitted, scales(1, 1, 2, 1.5)]],
  [
    'Resize',
    { mode: 'linear', coordinate_transformation_mode: 'tf_crop_and_resize' },
    [f32(1, 2, 3, 4), scales(0, 0, 0.1, 0.3, 1, 1, 0.8, 0.9), omitted, ints([1, 2, 4, 3])],
  ],
  [
    'Resize',
    { coordinate_transformation_mode: 'tf_crop_and_resize', extrapolation_value: float(7) },
    [f32(1, 2, 3, 4), scales(0, 0, -0.4, 0.2, 1, 1, 1.3, 0.7), scales(1, 1, 2, 1.5)],
  ],
  ['Resize', {}, [f32('batch', 1, 2, 2, 3), omitted, scales(1, 1, 2, 1, 2)]],
  ['Resize', { mode: 'linear' }, [f32('batch', 1, 4), omitted, scales(1, 1, 1.5)]],
];
