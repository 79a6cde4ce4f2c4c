export {
  type Augmentation,
  type AugmentationDraw,
  augmentationPolicies,
  cropRectangle,
  drawAugmentation,
  erasedRectangle,
  type Rectangle,
  readAugmentation,
} from './augment.ts';
export { readPreprocessing, writePreprocessing } from './huggingface.ts';
export { PictureCache, type PictureReader, type PictureSourceOptions } from './picture-source.ts';
export { type ColourMatrix, colourMatrix, meanGrey, type Pixels, type WriteOptions, writePixels } from './pixels.ts';
export {
  batchShape,
  checkPreprocessing,
  type PreprocessingPreset,
  preprocessingPresets,
  presetPreprocessing,
  resizedSide,
  resizedSize,
  type Size,
} from './preprocessing.ts';
export { byCodeUnits, stratifiedSplit } from './split.ts';
export type {
  Batch,
  BatchOptions,
  BatchSource,
  DataProblem,
  Dataset,
  Preprocessing,
  Recalled,
  Sample,
} from './types.ts';
