/** Pictures for people: thumbnails and what augmentation makes of them. */
import sharp from 'sharp';
import { Random } from '../../random.ts';
import { type Augmentation, drawAugmentation } from '../augment/index.ts';
import { presetPreprocessing } from '../preprocessing.ts';
import type { Preprocessing } from '../types.ts';
import { augmentPicture } from './augment.ts';
import { decodeLarge, openPicture } from './decode.ts';

const dataUrl = (jpeg: Buffer): string => `data:image/jpeg;base64,${jpeg.toString('base64')}`;

/** A JPEG `data:` URL of a picture that fits into a square of `size` pixels. */
export async function thumbnail(file: string, size: number): Promise<string> {
  const pipeline = openPicture(file).resize(size, size, { fit: 'inside', withoutEnlargement: true });
  return dataUrl(await pipeline.flatten({ background: '#fff' }).jpeg({ quality: 80 }).toBuffer());
}

/** A PNG of an SVG document, at twice its size in pixels. */
export const drawPng = (svg: string): Promise<Uint8Array> => sharp(Buffer.from(svg), { density: 144 }).png().toBuffer();

/**
 * What training shows of one picture, as JPEG `data:` URLs of the input's size.
 *
 * @param count how many draws, one for each epoch from the first
 */
export async function preview(
  file: string,
  preprocessing: Preprocessing,
  augmentation: Augmentation,
  { seed = 0, index = 0, count = 4 }: { readonly seed?: number; readonly index?: number; readonly count?: number } = {},
): Promise<string[]> {
  const { width, height, fit, cropFraction, interpolation } = preprocessing;
  // The same geometry, with colours left as they are. Erased parts show grey.
  const shown = presetPreprocessing('raw', { width, height, fit, cropFraction, interpolation, layout: 'nhwc' });
  const picture = await decodeLarge(file, shown);
  return Promise.all(
    Array.from({ length: count }, async (_, epoch) => {
      const values = new Float32Array(width * height * 3);
      const draw = drawAugmentation(augmentation, new Random(seed, 'augment', epoch, index));
      await augmentPicture(picture, { ...shown, mean: [127, 127, 127] }, draw, values, 0);
      const bytes = Uint8Array.from(values, (value) => Math.round(value + 127));
      return dataUrl(
        await sharp(bytes, { raw: { width, height, channels: 3 } })
          .jpeg({ quality: 85 })
          .toBuffer(),
      );
    }),
  );
}
