/** Reads the size of an image from the first bytes of its file, before or without decoding. */
import { isAvif, isHeic } from './file-format.ts';
import type { Size } from './preprocessing.ts';

/** The upright size, if the file is a JPEG with an orientation. */
export interface Header extends Size {
  readonly format: Format;
}

type Format = 'jpeg' | 'png' | 'gif' | 'webp' | 'bmp' | 'avif' | 'heic';

/**
 * @param bytes the start of a file
 * @returns `incomplete` if the size comes later; undefined for an unknown format or a broken image
 */
export function parseHeader(bytes: Uint8Array): Header | 'incomplete' | undefined {
  const format = formatOf(bytes);
  if (!format) return undefined;
  const size = sizes[format](bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  return typeof size === 'object' ? { format, ...size } : size;
}

const text = (bytes: Uint8Array, from: number, length: number): string =>
  String.fromCharCode(...bytes.subarray(from, from + length));

/** The format by the first bytes of the content, not by a name or a declared type. */
export function formatOf(bytes: Uint8Array): Format | undefined {
  const start = text(bytes, 0, 12);
  if (start.startsWith('\xff\xd8\xff')) return 'jpeg';
  if (start.startsWith('\x89PNG\r\n\x1a\n')) return 'png';
  if (/^GIF8[79]a/.test(start)) return 'gif';
  if (start.startsWith('RIFF') && start.endsWith('WEBP')) return 'webp';
  if (start.startsWith('BM')) return 'bmp';
  if (isAvif(bytes)) return 'avif';
  return isHeic(bytes) ? 'heic' : undefined;
}

type Reader = (bytes: Uint8Array, view: DataView) => Size | 'incomplete' | undefined;

const sizes: Readonly<Record<Format, Reader>> = {
  png: (bytes, view) => (bytes.length < 24 ? 'incomplete' : { width: view.getUint32(16), height: view.getUint32(20) }),
  gif: (bytes, view) =>
    bytes.length < 10 ? 'incomplete' : { width: view.getUint16(6, true), height: view.getUint16(8, true) },
  bmp(bytes, view) {
    if (bytes.length < 26) return 'incomplete';
    // The oldest header has 16-bit sizes. A negative height means rows from the top.
    if (view.getUint32(14, true) === 12) return { width: view.getUint16(18, true), height: view.getUint16(20, true) };
    return { width: Math.abs(view.getInt32(18, true)), height: Math.abs(view.getInt32(22, true)) };
  },
  webp(bytes, view) {
    if (bytes.length < 30) return 'incomplete';
    const uint24 = (at: number) => view.getUint16(at, true) | (bytes[at + 2] << 16);
    switch (text(bytes, 12, 4)) {
      case 'VP8 ':
        return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff };
      case 'VP8L': {
        const packed = view.getUint32(21, true);
        return { width: (packed & 0x3fff) + 1, height: ((packed >>> 14) & 0x3fff) + 1 };
      }
      case 'VP8X':
        return { width: uint24(24) + 1, height: uint24(27) + 1 };
    }
    return undefined;
  },
  avif: largestImage,
  heic: largestImage,
  jpeg(bytes, view) {
    let turned = false;
    for (let at = 2; at + 9 <= bytes.length; ) {
      if (bytes[at] !== 0xff) return undefined;
      const marker = bytes[at + 1];
      // Fill bytes can precede a marker; some markers have no length.
      if (marker === 0xff || marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7)) {
        at += marker === 0xff ? 1 : 2;
        continue;
      }
      const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
      if (isFrame) {
        const [height, width] = [view.getUint16(at + 5), view.getUint16(at + 7)];
        return turned ? { width: height, height: width } : { width, height };
      }
      // Pixel data without a frame header.
      if (marker === 0xda || marker === 0xd9) return undefined;
      const next = at + 2 + view.getUint16(at + 2);
      if (marker === 0xe1) turned ||= isTurned(bytes.subarray(at + 4, next));
      at = next;
    }
    return 'incomplete';
  },
};

/** Each image of an AVIF or HEIC file (tiles, alpha, thumbnail) has a box with its size. The main image is the largest. */
function largestImage(bytes: Uint8Array, view: DataView): Size | 'incomplete' {
  let largest: Size | undefined;
  for (let at = 4; at + 16 <= bytes.length; at++) {
    if (text(bytes, at, 4) !== 'ispe') continue;
    const size = { width: view.getUint32(at + 8), height: view.getUint32(at + 12) };
    if (!largest || size.width * size.height > largest.width * largest.height) largest = size;
  }
  return largest ?? 'incomplete';
}

/** Whether the Exif orientation swaps width and height. */
function isTurned(exif: Uint8Array): boolean {
  if (text(exif, 0, 6) !== 'Exif\0\0' || exif.length < 14) return false;
  const tiff = new DataView(exif.buffer, exif.byteOffset + 6, exif.byteLength - 6);
  const little = tiff.getUint16(0) === 0x4949;
  const directory = tiff.getUint32(4, little);
  if (directory + 2 > tiff.byteLength) return false;
  const count = tiff.getUint16(directory, little);
  for (let i = 0; i < count; i++) {
    const entry = directory + 2 + i * 12;
    if (entry + 12 > tiff.byteLength) return false;
    if (tiff.getUint16(entry, little) === 0x0112) return tiff.getUint16(entry + 8, little) >= 5;
  }
  return false;
}
