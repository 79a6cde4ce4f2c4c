import sharp, { type Metadata, type Sharp, type SharpOptions } from 'sharp';
import { augmentedSide, inputOf } from '../geometry.ts';
import { maximumPixels } from '../limits.ts';
import type { Pixels } from '../pixels.ts';
import { resizedSize } from '../preprocessing.ts';
import type { Preprocessing } from '../types.ts';

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

export function openImage(file: ImageFile): Sharp {
  if (typeof file === 'string' || file instanceof Uint8Array) return sharp(file, options);
  const { data, width, height } = file;
  // 1 is grey, 2 grey and alpha, 3 RGB, 4 RGBA.
  const channels = data.length / (width * height);
  if (![1, 2, 3, 4].includes(channels)) throw new Error(`${data.length} bytes are not ${width} x ${height} pixels`);
  return sharp(data, { raw: { width, height, channels: channels as 1 | 2 | 3 | 4 } });
}

export const openPixels = ({ data, width, height }: Pixels): Sharp =>
  sharp(data, { raw: { width, height, channels: 3 } });

/** Metadata of a file, for images of any size. */
export const readHeader = (file: string): Promise<Metadata> =>
  sharp(file, { ...options, limitInputPixels: false }).metadata();

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
export async function decodeResized(file: ImageFile, p: Preprocessing): Promise<Pixels> {
  const image = p.fit === 'stretch' ? p : (await openImage(file).metadata()).autoOrient;
  return toPixels(openImage(file).resize({ ...resizedSize(p, image), fit: 'fill', kernel: p.interpolation }));
}

/** An image for augmentation: whole, somewhat larger than the input so that a crop is still sharp, but no larger than the file. */
export function decodeLarge(file: ImageFile, p: Preprocessing): Promise<Pixels> {
  const side = augmentedSide(p);
  const sized = { width: side, height: side, fit: 'outside', withoutEnlargement: true } as const;
  return toPixels(openImage(file).resize({ ...sized, kernel: p.interpolation }));
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
  const message = (error instanceof Error ? error.message : String(error)).split('\n')[0].trim();
  if (/missing/.test(message)) return 'the file does not exist';
  if (/unsupported image format/.test(message)) return 'not an image';
  if (/exceeds pixel limit/.test(message)) return `more than ${Math.floor(maximumPixels / 1e6)} megapixels, the limit`;
  if (/heif.*(decod|compression|codec)|hevc/i.test(message)) return 'HEIC is not supported: save it as JPEG';
  return `broken image (${message.replace(/^Input file has corrupt header: /, '')})`;
}
