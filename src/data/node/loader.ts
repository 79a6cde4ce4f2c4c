import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { type PictureReader, type PictureSourceOptions, PictureSource as Source } from '../picture-source.ts';
import { writePixels } from '../pixels.ts';
import { augmentPicture } from './augment.ts';
import { decodeLarge, decodeResized, failureReason, inputOrigin } from './decode.ts';

const sha256 = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('hex');

/** Files, read with sharp. */
const reader: PictureReader = {
  conditions: `sharp ${sharp.versions.sharp}, libvips ${sharp.versions.vips}`,
  digest: sha256,
  digestOf: async (file) => sha256(await readFile(file)),
  decode: (file, p, large) => (large ? decodeLarge(file, p) : decodeResized(file, p)),
  write: (picture, p, out, offset) => writePixels(picture, p, out, offset, inputOrigin(picture, p)),
  augment: augmentPicture,
  failureReason,
};

/** Labelled picture files, read in batches with sharp. */
export class PictureSource extends Source {
  constructor(options: PictureSourceOptions) {
    super(options, reader);
  }
}
