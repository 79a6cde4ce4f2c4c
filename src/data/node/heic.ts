/** HEIC images. sharp's libvips has no decoder for them, but the optional package heic-decode has: libheif in WebAssembly. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import sharp from 'sharp';
import { ThawError } from '../../errors.ts';
import { Slots } from '../concurrency.ts';
import { maximumPixels, tooLarge } from '../limits.ts';
import { tiffOf } from './tiff.ts';

const PACKAGE = 'heic-decode';

/** Whether the package is installed, which decodes HEIC. */
export function canDecodeHeic(): boolean {
  try {
    createRequire(import.meta.url).resolve(PACKAGE);
    return true;
  } catch {
    return false;
  }
}

export const INSTALL_HEIC = `npm install ${PACKAGE}`;

/** The reason for a HEIC file that cannot be read because the package is missing. */
export const HEIC_PROBLEM = `HEIC: to read it, ${INSTALL_HEIC}; or convert it to JPEG`;

/** A decoder takes up to 300 MB for a photograph. */
const THREADS = Math.min(4, availableParallelism());
const slots = new Slots(THREADS);
const idle: Worker[] = [];

type Answer = Parameters<typeof tiffOf>[0];

/**
 * Calls `work` with a HEIC image as an uncompressed TIFF, upright, with its colour profile. Few images at a time, because each takes four
 * bytes per pixel.
 *
 * @throws ThawError `bad-data` if the package is missing or the image is too large; the decoder's error for a broken image
 */
export function withHeic<T>(file: string | Uint8Array, work: (tiff: Uint8Array) => Promise<T>): Promise<T> {
  if (!canDecodeHeic()) throw new ThawError('bad-data', HEIC_PROBLEM);
  return slots.run(async () => {
    const contents = typeof file === 'string' ? await readFile(file) : file;
    const { icc, autoOrient } = await sharp(contents, { limitInputPixels: false }).metadata();
    const { width, height } = autoOrient;
    if (width * height > maximumPixels) throw new ThawError('bad-data', tooLarge(width, height));
    const image = await decode(contents);
    if (image.width !== width || image.height !== height)
      throw new Error(`decoded ${image.width}x${image.height} pixels instead of ${width}x${height}`);
    return work(tiffOf(image, icc));
  });
}

async function decode(contents: Uint8Array): Promise<Answer> {
  const thread = idle.pop() ?? new Worker(new URL('./heic-thread.js', import.meta.url));
  thread.ref();
  thread.postMessage(contents);
  const [answer] = (await once(thread, 'message')) as [Answer | { readonly problem: string }];
  if ('problem' in answer) {
    // WebAssembly that has aborted cannot be used again.
    await thread.terminate();
    throw new Error(answer.problem);
  }
  // An idle thread must not keep the process alive.
  thread.unref();
  idle.push(thread);
  return answer;
}
