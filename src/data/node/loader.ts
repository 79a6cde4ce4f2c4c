import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { type ImageReader, type ImageSourceOptions, ImageSource as Source } from '../image-source.ts';
import { augmentImage } from './augment.ts';
import { decodeLarge, decodeResized, failureReason, type ImageFile } from './decode.ts';

const sha256 = (content: string | Uint8Array | Uint8ClampedArray): string =>
  createHash('sha256').update(content).digest('hex');

/**
 * Reads images with sharp.
 *
 * @param find maps a sample's `file` to an image, if it is not a path
 */
export const sharpReader = (find: (file: string) => ImageFile | Promise<ImageFile> = (file) => file): ImageReader => ({
  conditions: `sharp ${sharp.versions.sharp}, libvips ${sharp.versions.vips}`,
  digest: sha256,
  async digestOf(file) {
    const found = await find(file);
    if (typeof found === 'string') return sha256(await readFile(found));
    return sha256(found instanceof Uint8Array ? found : found.data);
  },
  async decode(file, p, large) {
    const found = await find(file);
    return large ? decodeLarge(found, p) : decodeResized(found, p);
  },
  augment: augmentImage,
  failureReason,
});

/** Labelled image files, read in batches with sharp. */
export class ImageSource extends Source {
  constructor(options: ImageSourceOptions) {
    super(options, sharpReader());
  }
}
