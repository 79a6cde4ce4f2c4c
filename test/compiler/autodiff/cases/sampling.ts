import { float } from '../../../../src/onnx/index.ts';
import { between, exactly, f32, fed, frozen, type Input, ints } from '../inputs.ts';
import type { Row } from '../row.ts';

const image = f32('batch', 2, 3, 4);
const volume = f32('batch', 2, 2, 3, 2);
const grid = between(-0.95, 0.97, 'batch', 2, 3, 2);
const beyond = between(-2.3, 2.4, 'batch', 2, 3, 2);

const map = f32('batch', 2, 5, 6);
/** Regions (left, top, right, bottom): inside the map, across its edge, and larger than the map. */
const regions = exactly([0.31, 0.83, 4.27, 3.71, 3.13, 2.29, 6.43, 6.19, -2.07, -1.93, 7.31, 7.07], 3, 4);

/** The second region ends before it begins, so it contains no sample. */
const inverted = exactly([0.31, 0.83, 4.27, 3.71, 3.13, 3.29, 2.43, 2.19, -0.27, 0.37, 3.31, 4.07], 3, 4);
const positive = between(0.4, 3, 'batch', 2, 5, 6);

/** Boxes (image, left, top, right, bottom): inside, across the edge, and of one element. */
const boxes = exactly([0, 0.3, 0.8, 4.2, 3.7, 1, 3.1, 2.2, 6.4, 6.1, 1, 2, 2, 2, 2], 3, 5);
/** Crops (top, left, bottom, right). The last one crosses the edge. */
const crops = exactly([0.1, 0.2, 0.6, 0.65, 0.9, 0.15, 0.3, 0.85, 0.35, 0.3, 1.3, 0.75], 3, 4);
/** Values that differ by more than the step of the finite differences. */
const peaks = between(-9, 9, 2, 1, 5, 6);
const small = f32(2, 2, 3, 3);
const ints32 = (...values: number[]): Input => ({ ...ints(values), type: 'int32' });
const whichImage = ints32(0, 1, 1);

export const sampling: readonly Row[] = [
  ['GridSample', {}, [image, grid]],
  ['GridSample', { align_corners: 1 }, [image, grid]],
  ['GridSample', {}, [image, beyond]],
  ['GridSample', { padding_mode: 'border' }, [image, beyond]],
  ['GridSample', { padding_mode: 'reflection' }, [image, beyond]],
  ['GridSample', { padding_mode: 'reflection', align_corners: 1 }, [image, beyond]],
  ...['zeros', 'border', 'reflection'].flatMap((padding_mode): Row[] => [
    ['GridSample', { mode: 'cubic', padding_mode }, [image, beyond]],
    ['GridSample', { mode: 'cubic', padding_mode, align_corners: 1 }, [image, beyond]],
    ['GridSample', { padding_mode }, [volume, between(-2.3, 2.4, 'batch', 2, 1, 2, 3)]],
  ]),
  ['GridSample', { mode: 'bicubic' }, [image, grid], { opset: 18 }],
  ['GridSample', { mode: 'nearest', align_corners: 1 }, [volume, between(-1.2, 1.3, 'batch', 1, 2, 2, 3)]],
  ['com.microsoft.GridSample', {}, [image, beyond]],
  ['com.microsoft.GridSample', { mode: 'bicubic', padding_mode: 'border' }, [image, beyond]],
  ['com.microsoft.GridSample', { mode: 'nearest', align_corners: 1 }, [image, frozen(grid)]],
  ['GridSample', { mode: 'nearest' }, [image, beyond]],
  ['GridSample', { mode: 'nearest', padding_mode: 'border', align_corners: 1 }, [image, grid]],

  // ONNX Runtime has no kernel for RoiAlign-22.
  [
    'RoiAlign',
    { sampling_ratio: 2, output_height: 2, output_width: 3 },
    [map, regions, ints([0, 1, 1])],
    { opset: 21 },
  ],
  ['RoiAlign', { sampling_ratio: 1, spatial_scale: float(0.5) }, [map, regions, fed(ints([1, 1, 0]))], { opset: 21 }],
  [
    'RoiAlign',
    { sampling_ratio: 2, output_width: 2, coordinate_transformation_mode: 'output_half_pixel' },
    [map, regions, ints([0, 0, 1])],
    { opset: 21 },
  ],
  ['RoiAlign', { output_height: 2, output_width: 2 }, [map, regions, ints([0, 1, 1])], { opset: 21 }],
  ['RoiAlign', { output_height: 1, output_width: 3 }, [map, inverted, ints([0, 1, 1])], { opset: 21 }],
  [
    'RoiAlign',
    { output_width: 2, coordinate_transformation_mode: 'output_half_pixel', spatial_scale: float(0.7) },
    [map, regions, fed(ints([1, 1, 0]))],
    { opset: 21 },
  ],
  [
    'RoiAlign',
    { mode: 'max', sampling_ratio: 2, output_height: 2, output_width: 2 },
    [positive, regions, ints([0, 1, 1])],
    { opset: 21 },
  ],
  ['RoiAlign', { mode: 'max', output_height: 2 }, [map, regions, ints([0, 1, 1])], { opset: 21 }],
  ['RoiAlign', { mode: 'max', output_width: 2 }, [map, inverted, ints([0, 1, 1])], { opset: 21 }],

  ['AffineGrid', {}, [f32(2, 2, 3), ints([2, 1, 3, 4])]],
  ['AffineGrid', { align_corners: 1 }, [f32(2, 2, 3), ints([2, 3, 2, 5])]],
  ['AffineGrid', {}, [f32(1, 3, 4), ints([1, 1, 2, 3, 2])]],

  // ONNX Runtime has no kernel for MaxRoiPool-22.
  ['MaxRoiPool', { pooled_shape: [2, 2] }, [peaks, frozen(boxes)], { opset: 21 }],
  ['MaxRoiPool', { pooled_shape: [3, 1], spatial_scale: float(0.5) }, [peaks, frozen(boxes)], { opset: 21 }],
  ['MaxRoiPool', { pooled_shape: [4, 3] }, [peaks, frozen(boxes)], { opset: 21 }],

  ['com.microsoft.CropAndResize', {}, [small, crops, whichImage, ints32(3, 2)]],
  ['com.microsoft.CropAndResize', { extrapolation_value: float(2) }, [small, crops, whichImage, ints32(1, 2)]],
  ['com.microsoft.CropAndResize', { mode: 'nearest' }, [map, frozen(crops), whichImage, ints32(3, 3)]],
];
