/** An explanation as the page shows it. */
import { overlayPixels, type PlacedMap } from '../../data/index.ts';
import type { Explanation } from '../../session/index.ts';

/** Pixels of the longer side of a map that is laid over an image. */
const SIDE = 256;

export interface Explained {
  /** The class that is explained. */
  readonly label: string;
  /** In the proportions of the image. */
  readonly pixels: ImageData;
  /** One sentence for those who do not see the map. */
  readonly words: string;
}

export async function explained(image: Blob, explanation: Explanation): Promise<Explained> {
  const bitmap = await createImageBitmap(image);
  const scale = SIDE / Math.max(bitmap.width, bitmap.height);
  const size = {
    width: Math.max(1, Math.round(bitmap.width * scale)),
    height: Math.max(1, Math.round(bitmap.height * scale)),
  };
  bitmap.close();
  const { data, width, height } = overlayPixels(explanation, size);
  const { label } = explanation;
  return { label, pixels: new ImageData(data, width, height), words: inWords(label, explanation) };
}

/** What the map shows, with the place of its strongest part. */
export function inWords(label: string, { map, area }: PlacedMap): string {
  if (!(map.peak > 0)) return `No part of the image speaks for ${label}.`;
  const strongest = map.values.reduce((best, value, i) => (value > map.values[best] ? i : best), 0);
  const column = (strongest % map.width) + 0.5;
  const row = Math.floor(strongest / map.width) + 0.5;
  const across = third(area.left + (column / map.width) * area.width);
  const down = third(area.top + (row / map.height) * area.height);
  const place = [['at the top', '', 'at the bottom'][down], ['left', '', 'right'][across]].filter(Boolean).join(' ');
  const where = place === '' ? 'in the middle' : place.startsWith('at') ? place : `on the ${place}`;
  return `The brightest parts speak most for ${label}: ${where}.`;
}

/** The third of the image that a place is in: 0, 1 or 2. */
const third = (place: number): number => Math.min(2, Math.max(0, Math.floor(3 * place)));
