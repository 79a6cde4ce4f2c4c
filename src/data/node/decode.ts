import { open } from 'node:fs/promises';
import sharp, { type Metadata, type Sharp, type SharpOptions } from 'sharp';
import { ThawError } from '../../errors.ts';
import { formatName, isHeic, SIGNATURE } from '../file-format.ts';
import { augmentedSide, inputOf } from '../geometry.ts';
import { maximumPixels } from '../limits.ts';
import type { Pixels } from '../pixels.ts';
import { resizedSize, type Size } from '../preprocessing.ts';
import type { Preprocessing } from '../types.ts';
import { isSrgb } from './colour-profile.ts';
import { withHeic } from './heic.ts';

/** Reads the first frame or page, upright. */
const options: SharpOptions = { failOn: 'error', limitInputPixels: maximumPixels, autoOrient: true };

/** Libraries that decode and resize images. Other versions can round differently. The number of threads makes no difference. */
export const imageLibraries = (): { readonly sharp: string; readonly libvips: string } => ({
  sharp: sharp.versions.sharp ?? 'unknown',
  libvips: sharp.versions.vips,
});

/** Pixels with 8 bits per channel, row by row, such as the `ImageData` of a canvas. */
export interface RawImage {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/** A path, the contents of a file, or pixels. */
export type ImageFile = string | Uint8Array | RawImage;

/**
 * Calls `work` with an opened image.
 *
 * @throws ThawError `bad-data` for a known format that Thaw does not read
 */
export async function withImage<T>(file: ImageFile, work: (image: Sharp) => Promise<T>): Promise<T> {
  if (typeof file !== 'string' && !(file instanceof Uint8Array)) return work(openRaw(file));
  return (await isHeicFile(file)) ? withHeic(file, (tiff) => work(sharp(tiff, options))) : work(sharp(file, options));
}

/** Whether an image is HEIC. @throws ThawError `bad-data` for a known format that Thaw does not read */
async function isHeicFile(file: string | Uint8Array): Promise<boolean> {
  const start = typeof file === 'string' ? await startOf(file) : file.subarray(0, SIGNATURE);
  if (isHeic(start)) return true;
  const name = formatName(start);
  if (name === undefined || name === 'TIFF') return false;
  throw new ThawError('bad-data', `${name} is not supported: save it as JPEG or PNG`);
}

/** The first bytes of a file; none if it cannot be read, which sharp reports. */
async function startOf(path: string): Promise<Uint8Array> {
  const file = await open(path).catch(() => undefined);
  try {
    const { buffer, bytesRead } = (await file?.read(new Uint8Array(SIGNATURE), 0, SIGNATURE, 0)) ?? { bytesRead: 0 };
    return buffer?.subarray(0, bytesRead) ?? new Uint8Array();
  } finally {
    await file?.close();
  }
}

function openRaw({ data, width, height }: RawImage): Sharp {
  // 1 is grey, 2 grey and alpha, 3 RGB, 4 RGBA.
  const channels = data.length / (width * height);
  if (![1, 2, 3, 4].includes(channels)) throw new Error(`${data.length} bytes are not ${width} x ${height} pixels`);
  return sharp(data, { raw: { width, height, channels: channels as 1 | 2 | 3 | 4 } });
}

export const openPixels = ({ data, width, height }: Pixels): Sharp =>
  sharp(data, { raw: { width, height, channels: 3 } });

/**
 * Metadata of a file or of its contents, for images of any size; `heic` if it is HEIC.
 *
 * @throws ThawError `bad-data` for a known format that Thaw does not read
 */
export async function readHeader(
  file: string | Uint8Array,
): Promise<Omit<Metadata, 'format'> & { readonly format: string }> {
  const heic = await isHeicFile(file);
  const metadata = await sharp(file, { ...options, limitInputPixels: false }).metadata();
  return heic ? { ...metadata, format: 'heic' } : metadata;
}

/** Converts the result of a pipeline to 8-bit RGB: alpha over white; grey, CMYK and 16 bits are converted. */
export async function toPixels(pipeline: Sharp): Promise<Pixels> {
  const { data, info } = await pipeline
    .flatten({ background: '#fff' })
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height };
}

/**
 * The image at the size of `p`, before its central crop. sharp's filters smooth when shrinking, like those of Pillow and PyTorch (with
 * `antialias`). With the bilinear filter, photographs are within 2 of 255 of Pillow's.
 */
export const decodeResized = (file: ImageFile, p: Preprocessing): Promise<Pixels> =>
  withImage(file, async (opened) => {
    const { image, size } = await inspected(opened);
    return toPixels(image.resize({ ...resizedSize(p, size), fit: 'fill', kernel: p.interpolation }));
  });

/** The size of an image, and the image without a colour profile that says what sharp assumes anyway. */
async function inspected(image: Sharp): Promise<{ image: Sharp; size: Size }> {
  const { autoOrient, icc, depth } = await image.metadata();
  // sharp converts 16-bit images to another space first.
  const isPlain = icc !== undefined && depth === 'uchar' && isSrgb(icc);
  return { image: isPlain ? image.keepIccProfile() : image, size: autoOrient };
}

/** The upright image inside a square, no larger than the file; and the size of the file's image. */
export const decodeInside = (
  file: ImageFile,
  side: number,
): Promise<{ pixels: Pixels; width: number; height: number }> =>
  withImage(file, async (opened) => {
    const { image, size } = await inspected(opened);
    return { pixels: await toPixels(image.resize(side, side, { fit: 'inside', withoutEnlargement: true })), ...size };
  });

/** An image for augmentation: whole, somewhat larger than the input so that a crop is still sharp, but no larger than the file. */
export function decodeLarge(file: ImageFile, p: Preprocessing): Promise<Pixels> {
  const side = augmentedSide(p);
  const sized = { width: side, height: side, fit: 'outside', withoutEnlargement: true } as const;
  return withImage(file, async (opened) => {
    const { image } = await inspected(opened);
    return toPixels(image.resize({ ...sized, kernel: p.interpolation }));
  });
}

/**
 * One file as a model's input.
 *
 * @returns float32 `[1, C, H, W]` or `[1, H, W, C]`
 * @throws Error from sharp if the file cannot be decoded; `failureReason` gives the reason
 */
export async function decodeImage(
  file: ImageFile,
  p: Preprocessing,
): Promise<{ data: Float32Array; shape: readonly number[] }> {
  return inputOf(await decodeResized(file, p), p);
}

/** A short reason for a failed read. */
export function failureReason(error: unknown): string {
  if (error instanceof ThawError) return error.message;
  const message = error instanceof Error ? error.message : String(error);
  if (/^Input file is missing/.test(message)) return 'the file does not exist';
  if (/unsupported image format/.test(message)) return 'not an image';
  if (/exceeds pixel limit/.test(message)) return `more than ${Math.floor(maximumPixels / 1e6)} megapixels, the limit`;
  const detail = detailOf(message);
  return detail ? `${BROKEN} (${detail})` : BROKEN;
}

/** The start of the reason if a decoder fails. */
export const BROKEN = 'broken image';

/** The first line of libvips that has a reason. It also reports seeks to the end of an intact file. */
const detailOf = (message: string): string | undefined =>
  message
    .replace(/^Input (file|buffer) has corrupt header:/, '')
    .split('\n')
    .map((line) => line.trim())
    .find((line) => line && line !== 'Unknown error' && !/: bad seek to \d+$/.test(line));
