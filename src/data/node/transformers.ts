import sharp from 'sharp';
import type { ImageReader } from '../image-source.ts';
import type { Pixels } from '../pixels.ts';
import { resizedSize } from '../preprocessing.ts';
import type { Preprocessing } from '../types.ts';
import { openPixels, toPixels, withImage } from './decode.ts';
import { sharpReader } from './loader.ts';

/** Filters of `sharp.affine`. */
const INTERPOLATORS = {
  nearest: sharp.interpolators.nearest,
  linear: sharp.interpolators.bilinear,
  cubic: sharp.interpolators.bicubic,
} as const;

/**
 * An image as transformers.js 3 and 4 resize it in Node: by an affine transform, which does not smooth when it shrinks, except for Lanczos.
 */
async function decode(file: string, p: Preprocessing): Promise<Pixels> {
  const whole = await withImage(file, toPixels);
  const { width, height } = resizedSize(p, whole);
  const image = openPixels(whole);
  if (p.interpolation === 'lanczos3')
    return toPixels(image.resize({ width, height, fit: 'fill', kernel: p.interpolation }));
  const scales: [number, number, number, number] = [width / whole.width, 0, 0, height / whole.height];
  return toPixels(image.affine(scales, { interpolator: INTERPOLATORS[p.interpolation] }));
}

/** Reads images like transformers.js in Node, without augmentation. */
export const transformersReader = (): ImageReader => ({ ...sharpReader(), decode });
