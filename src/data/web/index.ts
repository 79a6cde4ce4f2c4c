export { augmentPicture } from './augment.ts';
export { checkedSize, decodeLarge, decodePicture, decodeResized, failureReason, type PictureFile } from './decode.ts';
export { canvasReader } from './reader.ts';
