import { overlayPixels, type PlacedMap } from '../heat-map.ts';
import { type ImageFile, openPixels, toPixels, withImage } from './decode.ts';

/** Largest and smallest length of an overlay's longer side. */
const MOST = 1024;
const LEAST = 256;

/** A map over its image, upright and in grey, so that all colours are those of the map. @returns a PNG */
export const overlayPng = (file: ImageFile, placed: PlacedMap): Promise<Uint8Array> =>
  withImage(file, async (image) => {
    const { width, height } = (await image.metadata()).autoOrient;
    const longer = Math.max(width, height);
    const scale = Math.min(Math.max(longer, LEAST), MOST) / longer;
    const size = {
      width: Math.max(1, Math.round(width * scale)),
      height: Math.max(1, Math.round(height * scale)),
    };
    const grey = await toPixels(image.resize({ ...size, fit: 'fill' }).modulate({ saturation: 0 }));
    const { data } = overlayPixels(placed, size);
    return openPixels(grey)
      .composite([{ input: Buffer.from(data.buffer), raw: { ...size, channels: 4 } }])
      .png()
      .toBuffer();
  });
