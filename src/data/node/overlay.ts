import type { Sharp } from 'sharp';
import { overlayPixels, type PlacedMap } from '../heat-map.ts';
import { type ImageFile, openPixels, toPixels, withImage } from './decode.ts';
import { dataUrl } from './preview.ts';

/** Largest and smallest length of an overlay's longer side. */
interface Sides {
  readonly most: number;
  readonly least: number;
}

/** A map over its image, upright and in grey, so that all colours are those of the map. */
const drawn = (file: ImageFile, placed: PlacedMap, { most, least }: Sides): Promise<Sharp> =>
  withImage(file, async (image) => {
    const { width, height } = (await image.metadata()).autoOrient;
    const longer = Math.max(width, height);
    const scale = Math.min(Math.max(longer, least), most) / longer;
    const size = {
      width: Math.max(1, Math.round(width * scale)),
      height: Math.max(1, Math.round(height * scale)),
    };
    const grey = await toPixels(image.resize({ ...size, fit: 'fill' }).modulate({ saturation: 0 }));
    const { data } = overlayPixels(placed, size);
    return openPixels(grey).composite([{ input: Buffer.from(data.buffer), raw: { ...size, channels: 4 } }]);
  });

/** An overlay as a PNG. */
export async function overlayPng(file: ImageFile, placed: PlacedMap): Promise<Uint8Array> {
  return (await drawn(file, placed, { most: 1024, least: 256 })).png().toBuffer();
}

/** An overlay as a JPEG `data:` URL that fits into a square of `size` pixels. */
export async function overlayUrl(file: ImageFile, placed: PlacedMap, size: number): Promise<string> {
  const overlay = await drawn(file, placed, { most: size, least: 1 });
  return dataUrl(await overlay.jpeg({ quality: 80 }).toBuffer());
}
