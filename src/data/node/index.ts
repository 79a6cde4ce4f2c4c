export { augmentPicture } from './augment.ts';
export { checkPicture, type Verification } from './check.ts';
export { type OpenDatasetOptions, openDataset, openPictures } from './dataset.ts';
export { decodeLarge, decodePicture, failureReason, pictureLibraries } from './decode.ts';
export { PictureSource, sharpReader } from './loader.ts';
export { type DataMakeUp, dataMakeUp, type TwinPictures } from './make-up.ts';
export { drawPng, preview, thumbnail, type ViewOptions, viewsOf } from './preview.ts';
export { contactSheet, type Tile } from './sheet.ts';
export { openTexts, readTexts } from './texts.ts';
