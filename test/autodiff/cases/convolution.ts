import { between, f32, ints } from '../inputs.ts';
import type { Row } from '../row.ts';

/** Offsets that cross no whole position in differences, nor move a tap far outside. */
const moves = (taps: number, ...places: number[]) => between(0.15, 0.85, 'batch', 2 * taps, ...places);

export const convolution: readonly Row[] = [
  ['Conv', {}, [f32('batch', 2, 5, 5), f32(3, 2, 3, 3)]],
  ['Conv', { pads: [1, 1, 1, 1] }, [f32('batch', 2, 5, 4), f32(3, 2, 3, 3), f32(3)]],
  ['Conv', {}, [f32('batch', 3, 4, 4), f32(2, 3, 1, 1), f32(2)]],
  ['Conv', { strides: [2, 2] }, [f32('batch', 3, 5, 5), f32(2, 3, 1, 1)]],
  ['Conv', { strides: [2, 2], pads: [1, 1, 1, 1] }, [f32('batch', 2, 6, 7), f32(3, 2, 3, 3), f32(3)]],
  ['Conv', { strides: [2, 2], pads: [3, 3, 3, 3] }, [f32('batch', 2, 8, 8), f32(2, 2, 7, 7)]],
  ['Conv', { strides: [2, 3], pads: [0, 1, 2, 1] }, [f32('batch', 1, 6, 8), f32(2, 1, 3, 2)]],
  ['Conv', { dilations: [2, 2], pads: [2, 2, 2, 2] }, [f32('batch', 2, 5, 5), f32(2, 2, 3, 3)]],
  ['Conv', { dilations: [2, 1], strides: [2, 2], pads: [1, 0, 2, 1] }, [f32('batch', 2, 7, 6), f32(2, 2, 3, 2)]],
  ['Conv', { group: 2, pads: [1, 1, 1, 1] }, [f32('batch', 4, 4, 4), f32(6, 2, 3, 3), f32(6)]],
  ['Conv', { group: 2, strides: [2, 2], pads: [1, 1, 1, 1] }, [f32('batch', 4, 5, 5), f32(4, 2, 3, 3)]],
  ['Conv', { group: 4, pads: [1, 1, 1, 1] }, [f32('batch', 4, 4, 5), f32(4, 1, 3, 3), f32(4)]],
  ['Conv', { group: 3, strides: [2, 2], pads: [2, 2, 2, 2] }, [f32('batch', 3, 7, 7), f32(3, 1, 5, 5)]],
  ['Conv', { group: 2 }, [f32('batch', 2, 4, 4), f32(4, 1, 3, 3)]],
  ['Conv', { auto_pad: 'SAME_UPPER', strides: [2, 2] }, [f32('batch', 2, 6, 5), f32(2, 2, 3, 3)]],
  ['Conv', { auto_pad: 'SAME_LOWER' }, [f32('batch', 2, 4, 5), f32(2, 2, 2, 4)]],
  ['Conv', { auto_pad: 'VALID', strides: [2, 1] }, [f32('batch', 2, 6, 5), f32(2, 2, 3, 3)]],
  ['Conv', { pads: [1, 1] }, [f32('batch', 2, 6), f32(3, 2, 3), f32(3)]],
  ['Conv', { strides: [2], group: 2, pads: [0, 1] }, [f32('batch', 2, 7), f32(2, 1, 3)]],
  ['Conv', { pads: [1, 0, 1, 1, 0, 1], strides: [1, 2, 1] }, [f32('batch', 2, 3, 4, 3), f32(2, 2, 2, 2, 3), f32(2)]],
  // Along axes of unknown size.
  ['Conv', { pads: [1, 1] }, [f32(2, 3, 'batch'), f32(4, 3, 3), f32(4)]],
  ['Conv', { strides: [2], pads: [2, 1] }, [f32(2, 2, 'batch'), f32(2, 2, 2)]],
  ['Conv', { strides: [3] }, [f32(2, 2, 'batch'), f32(2, 2, 1)]],
  ['Conv', { group: 2, pads: [2, 2], dilations: [2] }, [f32(2, 4, 'batch'), f32(6, 2, 3), f32(6)]],
  ['Conv', { auto_pad: 'SAME_UPPER' }, [f32('batch', 2, 'batch', 5), f32(3, 2, 2, 3)]],
  ['Conv', { group: 3, strides: [1, 2], pads: [1, 1, 0, 2] }, [f32(2, 3, 'batch', 'batch'), f32(3, 1, 2, 3), f32(3)]],

  ['ConvTranspose', {}, [f32('batch', 2, 3, 4), f32(2, 3, 3, 3), f32(3)]],
  ['ConvTranspose', { strides: [2, 2] }, [f32('batch', 2, 3, 3), f32(2, 2, 2, 2), f32(2)]],
  [
    'ConvTranspose',
    { strides: [2, 2], pads: [1, 1, 1, 1], output_padding: [1, 1] },
    [f32('batch', 2, 3, 3), f32(2, 1, 3, 3)],
  ],
  ['ConvTranspose', { group: 2, dilations: [2, 1], pads: [1, 0, 0, 1] }, [f32('batch', 4, 3, 3), f32(4, 2, 2, 3)]],
  ['ConvTranspose', { auto_pad: 'SAME_UPPER', strides: [2, 2] }, [f32('batch', 1, 3, 3), f32(1, 2, 3, 3)]],
  ['ConvTranspose', { auto_pad: 'SAME_LOWER', strides: [2, 2] }, [f32('batch', 1, 3, 3), f32(1, 2, 3, 3)]],
  ['ConvTranspose', { output_shape: [7, 8], strides: [2, 2] }, [f32('batch', 1, 3, 3), f32(1, 2, 4, 4)]],
  ['ConvTranspose', { strides: [2], pads: [1, 0], output_padding: [1] }, [f32(2, 2, 'batch'), f32(2, 3, 4), f32(3)]],
  ['ConvTranspose', { strides: [2], pads: [1, 1] }, [f32('batch', 2, 4), f32(2, 3, 4)]],
  ['ConvTranspose', { strides: [1, 2, 1] }, [f32('batch', 1, 2, 2, 3), f32(1, 2, 2, 2, 2), f32(2)]],

  ['MaxPool', { kernel_shape: [2, 2], strides: [2, 2] }, [f32('batch', 2, 4, 6)]],
  ['MaxPool', { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }, [f32('batch', 2, 5, 6)]],
  ['MaxPool', { kernel_shape: [3, 3], strides: [1, 1], pads: [1, 1, 1, 1] }, [f32('batch', 2, 4, 4)]],
  ['MaxPool', { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 }, [f32('batch', 1, 6, 6)]],
  ['MaxPool', { kernel_shape: [3, 2], strides: [2, 2], pads: [1, 0, 1, 1], ceil_mode: 1 }, [f32('batch', 1, 6, 5)]],
  ['MaxPool', { kernel_shape: [2, 2], dilations: [2, 2] }, [f32('batch', 1, 5, 5)]],
  ['MaxPool', { kernel_shape: [3, 3], strides: [2, 2], auto_pad: 'SAME_UPPER' }, [f32('batch', 1, 6, 5)]],
  ['MaxPool', { kernel_shape: [2, 2], strides: [2, 2], auto_pad: 'SAME_LOWER' }, [f32('batch', 1, 5, 5)]],
  ['MaxPool', { kernel_shape: [2, 2], strides: [2, 2], auto_pad: 'VALID' }, [f32('batch', 1, 5, 5)]],
  ['MaxPool', { kernel_shape: [2, 2], strides: [2, 2] }, [f32('batch', 2, 4, 4)], { outputs: [true, false] }],
  ['MaxPool', { kernel_shape: [3], strides: [2] }, [f32('batch', 2, 8)]],
  ['MaxPool', { kernel_shape: [2, 2, 2], strides: [1, 2, 2] }, [f32('batch', 1, 3, 4, 4)]],

  ['AveragePool', { kernel_shape: [2, 2], strides: [2, 2] }, [f32('batch', 2, 4, 6)]],
  ['AveragePool', { kernel_shape: [3, 3], strides: [1, 1], pads: [1, 1, 1, 1] }, [f32('batch', 2, 4, 4)]],
  [
    'AveragePool',
    { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], count_include_pad: 1 },
    [f32('batch', 1, 5, 6)],
  ],
  ['AveragePool', { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 }, [f32('batch', 1, 6, 6)]],
  [
    'AveragePool',
    { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], ceil_mode: 1, count_include_pad: 1 },
    [f32('batch', 1, 6, 6)],
  ],
  ['AveragePool', { kernel_shape: [3, 2], strides: [2, 2], auto_pad: 'SAME_UPPER' }, [f32('batch', 1, 6, 5)]],
  [
    'AveragePool',
    { kernel_shape: [2, 3], strides: [2, 2], auto_pad: 'SAME_LOWER', count_include_pad: 1 },
    [f32('batch', 1, 5, 6)],
  ],
  ['AveragePool', { kernel_shape: [2, 2], dilations: [2, 1] }, [f32('batch', 1, 5, 4)]],
  ['AveragePool', { kernel_shape: [3], strides: [2], pads: [1, 0] }, [f32('batch', 2, 7)]],
  ['AveragePool', { kernel_shape: [2, 2, 2], strides: [1, 2, 2] }, [f32('batch', 1, 3, 4, 4)]],
  ['LpPool', { kernel_shape: [2, 2], strides: [2, 2] }, [f32('batch', 2, 4, 4)]],
  ['LpPool', { kernel_shape: [3, 2], p: 3, pads: [1, 0, 1, 0] }, [f32('batch', 1, 4, 4)]],
  ['LpPool', { kernel_shape: [2, 2], p: 1, strides: [2, 2], ceil_mode: 1 }, [f32('batch', 1, 5, 4)]],

  ['GlobalAveragePool', {}, [f32(2, 3, 'batch')]],
  ['GlobalAveragePool', {}, [f32('batch', 2, 3, 4)]],
  ['GlobalAveragePool', {}, [f32('batch', 2, 5)]],
  ['GlobalMaxPool', {}, [f32('batch', 1, 3, 2)]],
  ['GlobalLpPool', {}, [f32('batch', 2, 3, 4)], { opset: 21 }],
  ['GlobalLpPool', { p: 3 }, [f32('batch', 2, 3)], { opset: 21 }],

  ['Col2Im', {}, [f32('batch', 8, 6), ints([3, 4]), ints([2, 2])]],
  ['Col2Im', { strides: [2, 1], pads: [1, 0, 0, 1] }, [f32('batch', 4, 8), ints([3, 4]), ints([2, 2])]],
  ['Col2Im', { dilations: [2, 1] }, [f32('batch', 12, 4), ints([5, 5]), ints([3, 2])]],
  ['Col2Im', { pads: [1, 1] }, [f32('batch', 6, 6), ints([6]), ints([3])]],

  [
    'MaxUnpool',
    { kernel_shape: [2, 2], strides: [2, 2] },
    [f32(2, 1, 2, 2), ints([1, 2, 13, 10, 16, 23, 28, 27], [2, 1, 2, 2])],
  ],
  [
    'MaxUnpool',
    { kernel_shape: [2, 2], strides: [2, 2] },
    [f32(1, 1, 2, 2), ints([1, 2, 13, 10], [1, 1, 2, 2]), ints([1, 1, 5, 5])],
  ],

  ['DeformConv', {}, [f32('batch', 2, 4, 4), f32(3, 2, 2, 2), moves(4, 3, 3)]],
  [
    'DeformConv',
    { pads: [1, 1, 1, 1], strides: [2, 1] },
    [f32('batch', 1, 4, 3), f32(2, 1, 3, 3), moves(9, 2, 3), f32(2)],
  ],
  [
    'DeformConv',
    { group: 2, offset_group: 2, dilations: [2, 1] },
    [f32('batch', 4, 4, 3), f32(4, 2, 2, 2), moves(8, 2, 2), f32(4), between(0.2, 1, 'batch', 8, 2, 2)],
  ],
];
