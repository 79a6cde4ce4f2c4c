export { augmentImage } from './augment.ts';
export { checkImage, type Verification } from './check.ts';
export { type OpenDatasetOptions, openDataset, openImages } from './dataset.ts';
export { type DatasetSummary, type DuplicateImages, datasetSummary } from './dataset-summary.ts';
export { decodeImage, decodeLarge, failureReason, imageLibraries } from './decode.ts';
export { ImageSource, sharpReader } from './loader.ts';
export { drawPng, preview, thumbnail, type ViewOptions, viewsOf } from './preview.ts';
export { contactSheet, type Tile } from './sheet.ts';
export { openTexts, readTexts } from './texts.ts';
