import { sha256 } from '../../digest.ts';
import type { ImageReader } from '../image-source.ts';
import { augmentImage } from './augment.ts';
import { decodeLarge, decodeResized, failureReason, type ImageFile } from './decode.ts';

/**
 * Reads images with the browser's decoders; resizes and augments them in plain arithmetic. For use in a worker, because everything except
 * decoding blocks the calling thread.
 *
 * @param find maps a sample's `file` to its contents
 */
export const canvasReader = (find: (file: string) => Blob | Promise<Blob>): ImageReader => ({
  // Decoding and shrinking depend on the browser.
  conditions: `canvas 1, ${globalThis.navigator?.userAgent}`,
  digest: (text) => sha256(new TextEncoder().encode(text)),
  async digestOf(file) {
    return sha256(await (await find(file)).arrayBuffer());
  },
  async decode(file, p, large) {
    const image: ImageFile = await find(file);
    return large ? decodeLarge(image, p) : decodeResized(image, p);
  },
  async augment(image, p, draw, out, offset) {
    augmentImage(image, p, draw, out, offset);
  },
  failureReason,
});
