import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { type PictureReader, type PictureSourceOptions, PictureSource as Source } from '../picture-source.ts';
import { augmentPicture } from './augment.ts';
import { decodeLarge, decodeResized, failureReason, type PictureFile } from './decode.ts';

const sha256 = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('hex');

/**
 * Reads pictures with sharp.
 *
 * @param find what a sample's file stands for, where it is not a path itself
 */
export const sharpReader = (
  find: (file: string) => PictureFile | Promise<PictureFile> = (file) => file,
): PictureReader => ({
  conditions: `sharp ${sharp.versions.sharp}, libvips ${sharp.versions.vips}`,
  digest: sha256,
  async digestOf(file) {
    const found = await find(file);
    return sha256(typeof found === 'string' ? await readFile(found) : found);
  },
  async decode(file, p, large) {
    const found = await find(file);
    return large ? decodeLarge(found, p) : decodeResized(found, p);
  },
  augment: augmentPicture,
  failureReason,
});

/** Labelled picture files, read in batches with sharp. */
export class PictureSource extends Source {
  constructor(options: PictureSourceOptions) {
    super(options, sharpReader());
  }
}
