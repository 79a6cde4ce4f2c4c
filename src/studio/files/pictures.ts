/** Pictures as they come in. */

/** Pixels of the longer side above which a picture is made smaller: models look at a few hundred. */
const LARGEST = 1024;
/** Bytes up to which a file is kept as it is. */
const SMALL = 1_000_000;

/**
 * A picture that this browser can read, made smaller where it is large.
 *
 * @throws Error where it cannot be read
 */
export async function readPicture(file: Blob): Promise<Blob> {
  const bitmap = await createImageBitmap(file);
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

/** What a canvas shows, as a file. */
export const blobOf = (canvas: HTMLCanvasElement, type: 'image/png' | 'image/jpeg' = 'image/png'): Promise<Blob> =>
  new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('the picture cannot be kept'))), type, 0.92);
  });

export interface Incoming {
  readonly pictures: readonly Blob[];
  /** Names of files that are no pictures, or none that this browser reads. */
  readonly refused: readonly string[];
}

export async function readPictures(files: readonly File[]): Promise<Incoming> {
  const pictures: Blob[] = [];
  const refused: string[] = [];
  for (const file of files) {
    try {
      pictures.push(await readPicture(file));
    } catch {
      refused.push(file.name);
    }
  }
  return { pictures, refused };
}

/** “a.txt”, “a.txt and b.heic”, “a.txt and 3 other files” */
export function listed(names: readonly string[]): string {
  const [first, second] = names;
  if (names.length === 1) return `“${first}”`;
  return names.length === 2 ? `“${first}” and “${second}”` : `“${first}” and ${names.length - 1} other files`;
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
