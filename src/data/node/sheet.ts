/** Contact sheets: many small images with captions. */
import sharp, { type OverlayOptions } from 'sharp';
import { escapeMarkup } from '../../escape-markup.ts';
import { shortened } from '../../graphemes.ts';
import type { Pixels } from '../pixels.ts';
import { openPixels } from './decode.ts';

export interface Tile {
  readonly pixels: Pixels;
  readonly caption: string;
  /** A second line, and whether it is a mistake. */
  readonly note?: string;
  readonly wrong?: boolean;
}

/** Maximum and minimum length of a tile's longer side. Larger images are shrunk; small ones are enlarged by a whole factor. */
const MOST = 224;
const LEAST = 96;
const GAP = 8;
const TEXT = 13;
const LINE = 22;
/** Minimum width of a column with two lines of text. */
const COLUMN = 140;

/**
 * Tiles in rows, on white.
 *
 * @param most maximum length of a tile's longer side in pixels
 * @returns a sharp pipeline, for any output format
 */
export async function contactSheet(
  tiles: readonly Tile[],
  columns: number,
  most: number = MOST,
): Promise<ReturnType<typeof sharp>> {
  const [{ pixels }] = tiles;
  const longer = Math.max(pixels.width, pixels.height);
  const factor = longer > most ? most / longer : Math.max(1, Math.floor(LEAST / longer));
  const [width, height] = [Math.round(pixels.width * factor), Math.round(pixels.height * factor)];
  const rows = Math.ceil(tiles.length / columns);
  const noted = tiles.some(({ note }) => note !== undefined);
  const column = noted ? Math.max(width, COLUMN) : width;
  const line = noted ? 2 * LINE - 4 : LINE;
  const across = columns * (column + GAP) + GAP;
  const down = rows * (height + line) + GAP;
  const place = (i: number) => ({
    left: GAP + (i % columns) * (column + GAP),
    top: GAP + Math.floor(i / columns) * (height + line),
  });
  const images = tiles.map(async ({ pixels }, i): Promise<OverlayOptions> => {
    const resized = openPixels(pixels).resize(width, height, {
      fit: 'fill',
      kernel: factor > 1 ? 'nearest' : 'lanczos3',
    });
    return { input: await resized.png({ compressionLevel: 1 }).toBuffer(), ...place(i) };
  });
  const characters = Math.max(3, Math.floor(column / (TEXT * 0.56)));
  const captions = tiles.map(({ caption, note = '', wrong }, i) => {
    const { left, top } = place(i);
    const text = (of: string) => escapeMarkup(shortened(of, characters));
    const y = top + height + TEXT + 1;
    return `<text x="${left}" y="${y}">${text(caption)}</text><text x="${left}" y="${y + LINE - 4}" fill="${wrong ? '#c9301f' : '#1f6f3a'}">${text(note)}</text>`;
  });
  const words = `<svg xmlns="http://www.w3.org/2000/svg" width="${across}" height="${down}" font-family="sans-serif" font-size="${TEXT}" fill="#222">${captions.join('')}</svg>`;
  const white = sharp({ create: { width: across, height: down, channels: 3, background: '#fff' } });
  return white.composite([...(await Promise.all(images)), { input: Buffer.from(words) }]).removeAlpha();
}
