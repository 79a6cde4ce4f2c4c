export { augmentImage } from './augment.ts';
export {
  checkedSize,
  decodeImage,
  decodeLarge,
  decodeResized,
  failureReason,
  type ImageFile,
  openBitmap,
} from './decode.ts';
export { overlayUrl } from './overlay.ts';
export { canvasReader } from './reader.ts';
