/** Maps over an image: their place, and their colours. */
import { inputOrigin } from './geometry.ts';
import type { Size } from './preprocessing.ts';
import type { Preprocessing } from './types.ts';

/** Numbers in rows over the model's input. */
export interface HeatMap extends Size {
  readonly values: Float32Array;
  /** The value that is drawn strongest; 0 if no value is above zero. Values up to zero are not drawn. */
  readonly peak: number;
}

/** A part of an upright image, as fractions of its sides. It extends beyond 0 to 1 if the model's input has a border. */
export interface ImageArea {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** A map, and the part of the image that it lies over. */
export interface PlacedMap {
  readonly map: HeatMap;
  readonly area: ImageArea;
}

/** Pixels with red, green, blue and alpha, as `ImageData` takes them. */
export interface OverlayPixels extends Size {
  readonly data: Uint8ClampedArray<ArrayBuffer>;
}

/** The part of an image that the model sees. @param resized the size of the image before the central crop or the padding */
export function seenArea(resized: Size, p: Preprocessing): ImageArea {
  const { left, top } = inputOrigin(resized, p);
  return {
    left: left / resized.width,
    top: top / resized.height,
    width: p.width / resized.width,
    height: p.height / resized.height,
  };
}

/** Values of single pixels vary so much that a few would hide all others. */
const PIXELS = 4096;
const BRIGHTEST = 0.99;

/** A map with its peak: the largest value, or of a map of single pixels the one that 1% of those above zero exceed. */
export function heatMap(values: Float32Array, { width, height }: Size): HeatMap {
  const above = values.filter((value) => value > 0).sort();
  const at = width * height >= PIXELS ? Math.floor((above.length - 1) * BRIGHTEST) : above.length - 1;
  return { width, height, values, peak: above[at] ?? 0 };
}

/**
 * Colours from weak to strong: the map "inferno" of matplotlib, without its darkest part. Its lightness rises evenly, so that it also reads
 * in grey and for the colour-blind.
 */
const COLOURS = [
  [0x57, 0x10, 0x6e],
  [0x8a, 0x22, 0x6a],
  [0xbc, 0x37, 0x54],
  [0xe4, 0x5a, 0x31],
  [0xf9, 0x8e, 0x09],
  [0xf9, 0xcb, 0x35],
  [0xfc, 0xff, 0xa4],
];
/** Opacity of the strongest value. */
const OPACITY = 0.8;

/**
 * A map as pixels to lay over the image: transparent where nothing speaks for the answer and where the model does not look.
 *
 * @param size of the result, in the proportions of the upright image
 */
export function overlayPixels({ map, area }: PlacedMap, { width, height }: Size): OverlayPixels {
  const data = new Uint8ClampedArray(width * height * 4);
  // Position in the map of a pixel's centre, in cells.
  const across = (x: number) => (((x + 0.5) / width - area.left) / area.width) * map.width;
  const down = (y: number) => (((y + 0.5) / height - area.top) / area.height) * map.height;
  for (let y = 0; y < height; y++) {
    const row = down(y);
    if (row < 0 || row > map.height) continue;
    for (let x = 0; x < width; x++) {
      const column = across(x);
      if (column < 0 || column > map.width) continue;
      const strength = map.peak > 0 ? Math.min(1, Math.max(0, valueAt(map, column, row) / map.peak)) : 0;
      paint(data, (y * width + x) * 4, strength);
    }
  }
  return { data, width, height };
}

/** The value between the centres of cells, bilinear. */
function valueAt({ values, width, height }: HeatMap, column: number, row: number): number {
  const [x0, x1, dx] = between(column, width);
  const [y0, y1, dy] = between(row, height);
  const top = values[y0 * width + x0] * (1 - dx) + values[y0 * width + x1] * dx;
  const bottom = values[y1 * width + x0] * (1 - dx) + values[y1 * width + x1] * dx;
  return top * (1 - dy) + bottom * dy;
}

function between(position: number, cells: number): [low: number, high: number, share: number] {
  const at = Math.min(cells - 1, Math.max(0, position - 0.5));
  const low = Math.floor(at);
  return [low, Math.min(cells - 1, low + 1), at - low];
}

function paint(data: Uint8ClampedArray, at: number, strength: number): void {
  const place = strength * (COLOURS.length - 1);
  const low = Math.min(COLOURS.length - 2, Math.floor(place));
  for (let c = 0; c < 3; c++) {
    const [from, to] = [COLOURS[low][c], COLOURS[low + 1][c]];
    data[at + c] = from + (to - from) * (place - low);
  }
  data[at + 3] = 255 * OPACITY * strength ** 0.75;
}
