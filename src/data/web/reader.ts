import { sha256 } from '../../digest.ts';
import type { PictureReader } from '../picture-source.ts';
import { augmentPicture } from './augment.ts';
import { decodeLarge, decodeResized, failureReason, type PictureFile } from './decode.ts';

/**
 * Reads pictures with the browser's decoders, resizes and augments them in plain arithmetic. Made for a worker: all but decoding is done
 * on the thread that calls.
 *
 * @param find what a sample's file stands for
 */
export const canvasReader = (find: (file: string) => Blob | Promise<Blob>): PictureReader => ({
  // Decoders and their shrinking are the browser's.
  conditions: `canvas 1, ${globalThis.navigator?.userAgent}`,
  digest: (text) => sha256(new TextEncoder().encode(text)),
  async digestOf(file) {
    return sha256(await (await find(file)).arrayBuffer());
  },
  async decode(file, p, large) {
    const picture: PictureFile = await find(file);
    return large ? decodeLarge(picture, p) : decodeResized(picture, p);
  },
  async augment(picture, p, draw, out, offset) {
    augmentPicture(picture, p, draw, out, offset);
  },
  failureReason,
});
