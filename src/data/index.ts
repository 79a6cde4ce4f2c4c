export {
  type Augmentation,
  type AugmentationDraw,
  augmentationPolicies,
  type Chain,
  cropRectangle,
  drawAugmentation,
  type Move,
  type Rectangle,
  readAugmentation,
} from './augment/index.ts';
export { balancedOrder } from './balanced-order.ts';
export { findDuplicates, mirrored, THUMB, type Thumb } from './duplicates.ts';
export { atEqualSteps } from './equal-steps.ts';
export { inputsOf } from './geometry.ts';
export {
  type HeatMap,
  heatMap,
  type ImageArea,
  type OverlayPixels,
  overlayPixels,
  type PlacedMap,
  seenArea,
} from './heat-map.ts';
export { readPreprocessing, writePreprocessing } from './huggingface.ts';
export {
  IMAGE_CACHE_BYTES,
  ImageCache,
  type ImageReader,
  ImageSource,
  type ImageSourceOptions,
} from './image-source.ts';
export { arePhotographs, flatness } from './kind.ts';
export { labelCounts } from './label-counts.ts';
export { type Blend, blended, drawBlend, type Mixing, mixedSource } from './mixing.ts';
export { type Operation, operate } from './operations/index.ts';
export { type Pixels, readPixels, type WriteOptions, writePixels } from './pixels.ts';
export { Prefetched } from './prefetched.ts';
export {
  batchShape,
  checkPreprocessing,
  type PreprocessingPreset,
  preprocessingPresets,
  preprocessingSchema,
  presetPreprocessing,
  resizedSize,
  type Size,
  withStd,
} from './preprocessing.ts';
export { byCodeUnits, splitByLabels, stratifiedSplit } from './split.ts';
export { TEST_VIEWS, type TestView, type TestViews, testViewNames } from './test-views.ts';
export {
  type Batch,
  type BatchOptions,
  type BatchSource,
  type DataProblem,
  type Dataset,
  type LabelReading,
  type Noun,
  type Preprocessing,
  type Recalled,
  type RowSizes,
  type Sample,
  UNKNOWN,
} from './types.ts';
