import { overlayPixels, type PlacedMap } from '../heat-map.ts';
import { greyOf } from '../operations/grey.ts';
import { openBitmap } from './decode.ts';

/** A map over its image, upright and in grey, as a JPEG `data:` URL that fits into a square of `most` pixels. For a worker. */
export async function overlayUrl(file: Blob, placed: PlacedMap, most: number): Promise<string> {
  const bitmap = await openBitmap(file, { imageOrientation: 'from-image' });
  const scale = Math.min(1, most / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * scale)));
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d', { alpha: false, willReadFrequently: true });
  if (!context) throw new Error('the browser provides no 2D canvas');
  context.fillStyle = '#fff';
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  const image = context.getImageData(0, 0, width, height);
  const { data: map } = overlayPixels(placed, { width, height });
  for (let i = 0; i < map.length; i += 4) {
    const grey = greyOf(image.data[i], image.data[i + 1], image.data[i + 2]);
    const opacity = map[i + 3] / 255;
    for (let c = 0; c < 3; c++) image.data[i + c] = grey * (1 - opacity) + map[i + c] * opacity;
  }
  context.putImageData(image, 0, 0);
  const jpeg = new Uint8Array(await (await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.8 })).arrayBuffer());
  return `data:image/jpeg;base64,${btoa(Array.from(jpeg, (byte) => String.fromCharCode(byte)).join(''))}`;
}
