/** Images for display: thumbnails and augmented views. */
import sharp from 'sharp';
import { Random } from '../../random.ts';
import { type Augmentation, drawAugmentation } from '../augment/index.ts';
import { readPixels } from '../pixels.ts';
import type { Preprocessing } from '../types.ts';
import { augmentImage } from './augment.ts';
import { decodeLarge, openPixels, withImage } from './decode.ts';

export const dataUrl = (jpeg: Buffer): string => `data:image/jpeg;base64,${jpeg.toString('base64')}`;

/** A JPEG `data:` URL of an image that fits into a square of `size` pixels. */
export const thumbnail = (file: string, size: number): Promise<string> =>
  withImage(file, async (image) => {
    const pipeline = image.resize(size, size, { fit: 'inside', withoutEnlargement: true });
    return dataUrl(await pipeline.flatten({ background: '#fff' }).jpeg({ quality: 80 }).toBuffer());
  });

/** A PNG of an SVG document, at twice its size in pixels. */
export const drawPng = (svg: string): Promise<Uint8Array> => sharp(Buffer.from(svg), { density: 144 }).png().toBuffer();

export interface ViewOptions {
  readonly seed?: number;
  /** The image's index in the training split. */
  readonly index?: number;
  /** Number of views, starting at the first. */
  readonly count?: number;
}

/** The network's input for one image, in consecutive training views. */
export async function viewsOf(
  file: string,
  preprocessing: Preprocessing,
  augmentation: Augmentation,
  { seed = 0, index = 0, count = 4 }: ViewOptions = {},
): Promise<Float32Array[]> {
  const image = await decodeLarge(file, preprocessing);
  return Promise.all(
    Array.from({ length: count }, async (_, view) => {
      const { width, height, mean } = preprocessing;
      const values = new Float32Array(width * height * mean.length);
      const draw = drawAugmentation(augmentation, new Random(seed, 'augment', view, index));
      await augmentImage(image, preprocessing, draw, values, 0);
      return values;
    }),
  );
}

/** The training views of one image, as JPEG `data:` URLs at the input's size. */
export async function preview(
  file: string,
  preprocessing: Preprocessing,
  augmentation: Augmentation,
  options: ViewOptions = {},
): Promise<string[]> {
  const views = await viewsOf(file, preprocessing, augmentation, options);
  return Promise.all(
    views.map(async (values) => {
      const image = openPixels(readPixels(values, preprocessing, 0));
      return dataUrl(await image.jpeg({ quality: 85 }).toBuffer());
    }),
  );
}
