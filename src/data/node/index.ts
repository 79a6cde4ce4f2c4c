export { augmentImage } from './augment.ts';
export { checkFiles, checkImage, contentProblem, isProblem, type Verification } from './check.ts';
export { type OpenDatasetOptions, openDataset } from './dataset.ts';
export { type DatasetSummary, type DuplicateImages, datasetSummary } from './dataset-summary.ts';
export type { ImageFile, RawImage } from './decode.ts';
export { decodeImage, decodeInside, decodeLarge, failureReason, imageLibraries } from './decode.ts';
export { ImageSource, sharpReader } from './loader.ts';
export { overlayPng, overlayUrl } from './overlay.ts';
export { drawPng, preview, thumbnail, type ViewOptions, viewsOf } from './preview.ts';
export { type SharedSample, sharedSamples } from './shared.ts';
export { contactSheet, type Tile } from './sheet.ts';
export { openTexts } from './texts.ts';
export { transformersReader } from './transformers.ts';
export {
  STANDARD_INPUT,
  type Unlabelled,
  type UnlabelledOptions,
  unlabelledImages,
  unlabelledTexts,
} from './unlabelled.ts';
