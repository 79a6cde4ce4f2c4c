/** Images as they come in. */

import { maximumPixels } from '../../data/limits.ts';
import { checkedSize, failureReason, openBitmap } from '../../data/web/index.ts';

/** Pixels of the longer side above which an image is made smaller: models look at a few hundred. */
const LARGEST = 1024;
/** Bytes up to which a file is kept unchanged. */
const SMALL = 1_000_000;

/**
 * An image that this browser can read, made smaller if it is large. Its header is checked before anything is decoded.
 *
 * @throws Error if it cannot be read; `failureReason` puts it into words
 */
export async function readImage(file: Blob): Promise<Blob> {
  await checkedSize(file);
  const bitmap = await openBitmap(file);
  try {
    const scale = LARGEST / Math.max(bitmap.width, bitmap.height);
    if (file.size <= SMALL || scale >= 1) return file;
    const canvas = document.createElement('canvas');
    canvas.width = Math.round(bitmap.width * scale);
    canvas.height = Math.round(bitmap.height * scale);
    canvas.getContext('2d')!.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    return await blobOf(canvas, file.type === 'image/png' ? 'image/png' : 'image/jpeg');
  } finally {
    bitmap.close();
  }
}

/** The contents of a canvas, as a file. */
export const blobOf = (canvas: HTMLCanvasElement, type: 'image/png' | 'image/jpeg' = 'image/png'): Promise<Blob> =>
  new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('the image cannot be kept'))), type, 0.92);
  });

/** Pixels of a thumbnail's longer side. */
const THUMBNAIL = 160;

/** A small image as a `data:` URL. */
export async function thumbnailOf(image: Blob): Promise<string> {
  const bitmap = await createImageBitmap(image);
  const scale = Math.min(1, THUMBNAIL / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  canvas.getContext('2d')!.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return canvas.toDataURL('image/png');
}

export interface Incoming {
  readonly images: readonly Blob[];
  /** Files that are not images, or that Thaw or this browser cannot read. */
  readonly refused: readonly Refused[];
}

export interface Refused {
  readonly name: string;
  /** In a few words. */
  readonly reason: string;
}

/** What to do about files that are refused. */
export const IMAGES_TAKEN = `Images are JPEG, PNG, WebP, GIF, BMP or AVIF files (in Safari also HEIC) of up to ${Math.floor(maximumPixels / 1e6)} megapixels.`;

/** Images that are decoded at a time. */
const AT_ONCE = 4;

/** @param onRead called after each file */
export async function readImages(files: readonly File[], onRead?: () => void): Promise<Incoming> {
  const read = new Array<Blob | Refused>(files.length);
  let next = 0;
  const work = async () => {
    while (next < files.length) {
      const place = next++;
      const { name } = files[place];
      read[place] = await readImage(files[place]).catch((error) => ({ name, reason: failureReason(error) }));
      onRead?.();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return {
    images: read.filter((one) => one instanceof Blob),
    refused: read.filter((one) => !(one instanceof Blob)) as Refused[],
  };
}

/** “a.txt” (not an image), “a.txt” (not an image) and 3 other files */
export function listed(refused: readonly Refused[]): string {
  const [first, second, ...others] = refused.map(({ name, reason }) => `“${name}” (${reason})`);
  if (!second) return first;
  return others.length ? `${first} and ${refused.length - 1} other files` : `${first} and ${second}`;
}

const urls = new WeakMap<Blob, string>();

/** An address for an `<img>`; one a blob, for as long as the page lives. */
export function urlOf(blob: Blob): string {
  let url = urls.get(blob);
  if (!url) {
    url = URL.createObjectURL(blob);
    urls.set(blob, url);
  }
  return url;
}

/** Frees the address. */
export function releaseUrl(blob: Blob): void {
  const url = urls.get(blob);
  if (url) URL.revokeObjectURL(url);
  urls.delete(blob);
}
