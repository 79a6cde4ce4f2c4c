export { augmentPicture } from './augment.ts';
export { decodeLarge, decodePicture, decodeResized, failureReason, type PictureFile } from './decode.ts';
export { canvasReader } from './reader.ts';
