/** Writes TIFF files in memory: sharp's raw input has no colour profile, but its TIFF input has. */

interface RgbaImage {
  /** 8 bits per channel, row by row. */
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/** libtiff refuses to read more than 50 MB at a time. */
const STRIP_BYTES = 2 ** 22;
const SHORT = 3;
const LONG = 4;
const UNDEFINED = 7;

/** An uncompressed TIFF of RGBA pixels. @param icc colour profile */
export function tiffOf({ data, width, height }: RgbaImage, icc: Uint8Array = new Uint8Array()): Uint8Array {
  const rows = Math.max(1, Math.floor(STRIP_BYTES / (4 * width)));
  const strips = Math.ceil(height / rows);
  const entries = icc.length > 0 ? 12 : 11;
  // The header, the directory, longer values, the profile, the pixels.
  const values = 8 + 2 + 12 * entries + 4;
  const profile = values + 8 + 8 * strips;
  const pixels = profile + icc.length + (icc.length % 2);
  const bytes = new Uint8Array(pixels + data.length);
  const view = new DataView(bytes.buffer);
  bytes.set([0x49, 0x49, 42, 0, 8, 0, 0, 0]);
  view.setUint16(8, entries, true);
  let at = 10;
  const entry = (tag: number, type: number, count: number, value: number) => {
    view.setUint16(at, tag, true);
    view.setUint16(at + 2, type, true);
    view.setUint32(at + 4, count, true);
    view.setUint32(at + 8, value, true);
    at += 12;
  };
  /** The numbers themselves if they fit, else their place. */
  const numbers = (tag: number, place: number, all: readonly number[]) => {
    if (all.length === 1) return entry(tag, LONG, 1, all[0]);
    for (const [i, value] of all.entries()) view.setUint32(place + 4 * i, value, true);
    entry(tag, LONG, all.length, place);
  };
  const offsets = Array.from({ length: strips }, (_, i) => pixels + i * rows * width * 4);
  const sizes = offsets.map((offset, i) => (offsets[i + 1] ?? bytes.length) - offset);
  for (let channel = 0; channel < 4; channel++) view.setUint16(values + 2 * channel, 8, true);
  entry(256, LONG, 1, width);
  entry(257, LONG, 1, height);
  entry(258, SHORT, 4, values);
  // No compression; RGB.
  entry(259, SHORT, 1, 1);
  entry(262, SHORT, 1, 2);
  numbers(273, values + 8, offsets);
  entry(277, SHORT, 1, 4);
  entry(278, LONG, 1, rows);
  numbers(279, values + 8 + 4 * strips, sizes);
  // Channels next to each other; the fourth is alpha.
  entry(284, SHORT, 1, 1);
  entry(338, SHORT, 1, 2);
  if (icc.length > 0) entry(34675, UNDEFINED, icc.length, profile);
  bytes.set(icc, profile);
  bytes.set(data, pixels);
  return bytes;
}
