/** Decodes images with the browser's decoders: the counterpart of `src/data/node/decode.ts`. */
import { ThawError } from '../../errors.ts';
import { Slots } from '../concurrency.ts';
import { formatName, isHeic, SIGNATURE } from '../file-format.ts';
import { augmentedSize, inputOf } from '../geometry.ts';
import { formatOf, type Header, parseHeader } from '../image-header.ts';
import { sizeProblem } from '../limits.ts';
import type { Pixels } from '../pixels.ts';
import { resizedSize, type Size } from '../preprocessing.ts';
import type { Preprocessing } from '../types.ts';
import { resize } from './resample.ts';

/** A `File` or another `Blob`, or a decoded image: a bitmap, a canvas, `ImageData`, a video and its frames. */
export type ImageFile = ImageBitmapSource;

/** Maximum bitmaps at a time. More would not be faster, and each can be as large as a photograph. */
const decoding = new Slots(4);

/** The browser shrinks to this factor of the target size. The kernel that Node also uses does the rest. */
const oversampling = 2;

/** Number of rows to read through the canvas at a time. */
const rowsAtOnce = 256;

/**
 * The image at the size of `p`, before its central crop.
 *
 * @throws {ThawError} `bad-data`, or the browser's error; `failureReason` gives the reason
 */
export const decodeResized = (file: ImageFile, p: Preprocessing): Promise<Pixels> =>
  decode(file, p, (size) => resizedSize(p, size));

/** An image for augmentation: whole, somewhat larger than the input, but no larger than the file. */
export const decodeLarge = (file: ImageFile, p: Preprocessing): Promise<Pixels> =>
  decode(file, p, (size) => augmentedSize(p, size));

/**
 * One image as a model's input.
 *
 * @returns float32 `[1, C, H, W]` or `[1, H, W, C]`
 */
export async function decodeImage(
  file: ImageFile,
  p: Preprocessing,
): Promise<{ data: Float32Array; shape: readonly number[] }> {
  return inputOf(await decodeResized(file, p), p);
}

/** @param target the wanted size for an upright image size; it can be fractional when shrinking */
function decode(file: ImageFile, p: Preprocessing, target: (size: Size) => Size): Promise<Pixels> {
  return decoding.run(async () => {
    const stated = await checkedSize(file);
    const { bitmap, size } = await openShrunk(file, stated, target);
    try {
      return resize(readBitmap(bitmap), target(size), p.interpolation);
    } finally {
      bitmap.close();
    }
  });
}

/**
 * The size of an image; for a file, from its header, without decoding.
 *
 * @throws ThawError `bad-data` if Thaw cannot train on it: too large, too small, unsupported, or not an image
 */
export async function checkedSize(file: ImageFile): Promise<Size & Partial<Header>> {
  const stated = await statedSize(file);
  const problem = sizeProblem(stated.width, stated.height);
  if (problem) throw new ThawError('bad-data', problem);
  return stated;
}

async function statedSize(file: ImageFile): Promise<Size & Partial<Header>> {
  if (!(file instanceof Blob)) return sizeOf(file);
  if (file.size === 0) throw new ThawError('bad-data', 'empty file');
  let bytes = new Uint8Array();
  // Metadata precedes a JPEG's size, and is rarely larger than a few kilobytes.
  for (const length of [1 << 16, 1 << 21, file.size]) {
    if (bytes.length === file.size) break;
    bytes = new Uint8Array(await file.slice(0, length).arrayBuffer());
    const header = parseHeader(bytes);
    if (header === undefined) break;
    if (header !== 'incomplete') return header;
  }
  if (formatOf(bytes)) throw new ThawError('bad-data', 'broken image (its header has no size)');
  const format = formatName(bytes);
  throw new ThawError('bad-data', format ? `${format} is not supported: save it as JPEG or PNG` : 'not an image');
}

/**
 * `createImageBitmap`, with an error that names HEIC, which few browsers decode.
 *
 * @throws ThawError `bad-data` for HEIC; otherwise the browser's error
 */
export async function openBitmap(file: ImageFile, options?: ImageBitmapOptions): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(file, options);
  } catch (cause) {
    if (!(file instanceof Blob && isHeic(new Uint8Array(await file.slice(0, SIGNATURE).arrayBuffer())))) throw cause;
    throw new ThawError('bad-data', 'HEIC: this browser cannot read it: convert it to JPEG', undefined, { cause });
  }
}

/** The visible size of a source that is not a file. */
function sizeOf(source: Exclude<ImageFile, Blob>): Size {
  if ('displayWidth' in source) return { width: source.displayWidth, height: source.displayHeight };
  if ('videoWidth' in source) return { width: source.videoWidth, height: source.videoHeight };
  if ('naturalWidth' in source) return { width: source.naturalWidth, height: source.naturalHeight };
  if (typeof source.width === 'number') return { width: source.width, height: source.height as number };
  throw new ThawError('bad-data', 'not an image');
}

/**
 * A bitmap that the browser has shrunk to about twice the wanted size, if the image is larger, and the image's own size. For some formats,
 * the header does not give the orientation (Exif in PNG, WebP and AVIF), and browsers differ in whether they rotate or shrink first. So if
 * the bitmap is too short, it is decoded again with swapped sides.
 */
async function openShrunk(
  file: ImageFile,
  stated: Size & Partial<Header>,
  target: (size: Size) => Size,
): Promise<{ bitmap: ImageBitmap; size: Size }> {
  const upright: ImageBitmapOptions = { imageOrientation: 'from-image', premultiplyAlpha: 'default' };
  const attempt = (size: Size) => {
    const width = shrunkWidth(size, target(size));
    return openBitmap(file, width ? { ...upright, resizeWidth: width, resizeQuality: 'high' } : upright);
  };
  if (stated.format === 'heic') {
    // HEIC can also crop the image, which the header does not show.
    const bitmap = await openBitmap(file, upright);
    return { bitmap, size: { width: bitmap.width, height: bitmap.height } };
  }
  const turned = { width: stated.height, height: stated.width };
  const bitmap = await attempt(stated);
  const size = isTurned(bitmap, stated) ? turned : stated;
  if (!shrunkWidth(size, target(size)) || isLongEnough(bitmap, size, target(size))) return { bitmap, size };
  bitmap.close();
  return { bitmap: await attempt(turned), size };
}

/** Width for the browser to shrink an image to; undefined if the image is not much larger than wanted. */
export function shrunkWidth(size: Size, wanted: Size): number | undefined {
  const scale = oversampling * Math.max(wanted.width / size.width, wanted.height / size.height);
  return scale < 0.75 ? Math.ceil(size.width * scale) : undefined;
}

const isTurned = (bitmap: Size, { width, height }: Size): boolean =>
  Math.abs(bitmap.width * width - bitmap.height * height) < Math.abs(bitmap.width * height - bitmap.height * width);

/** Whether a bitmap is large enough, allowing for the browser's rounding. */
const isLongEnough = (bitmap: Size, size: Size, wanted: Size): boolean =>
  bitmap.width >= Math.min(size.width, oversampling * wanted.width) - 1 &&
  bitmap.height >= Math.min(size.height, oversampling * wanted.height) - 1;

let canvas: OffscreenCanvas | undefined;

/** Draws over white, a few rows at a time, in one canvas for all images. */
function readBitmap(bitmap: ImageBitmap): Pixels {
  const { width, height } = bitmap;
  const rows = Math.min(height, rowsAtOnce);
  canvas ??= new OffscreenCanvas(width, rows);
  canvas.width = width;
  canvas.height = rows;
  const context = canvas.getContext('2d', { alpha: false, willReadFrequently: true, colorSpace: 'srgb' });
  if (!context) throw new Error('the browser provides no 2D canvas');
  const data = new Uint8Array(width * height * 3);
  for (let top = 0; top < height; top += rows) {
    context.fillStyle = '#fff';
    context.fillRect(0, 0, width, rows);
    context.drawImage(bitmap, 0, -top);
    const part = context.getImageData(0, 0, width, Math.min(rows, height - top)).data;
    for (let from = 0, to = top * width * 3; from < part.length; from += 4, to += 3) {
      data[to] = part[from];
      data[to + 1] = part[from + 1];
      data[to + 2] = part[from + 2];
    }
  }
  return { data, width, height };
}

/** A short reason for a failed read. */
export function failureReason(error: unknown): string {
  if (error instanceof ThawError) return error.message;
  const { name, message } = error instanceof Error ? error : { name: '', message: String(error) };
  if (name === 'NotFoundError') return 'the file does not exist';
  if (name === 'NotReadableError') return 'the file cannot be read: it was changed or moved since it was chosen';
  return `broken image (${message.split('\n')[0].trim().replace(/\.$/, '')})`;
}
