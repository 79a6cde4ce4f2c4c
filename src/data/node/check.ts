/** Checks whether a file is a usable image, by its content and not by its name. */
import { open, stat } from 'node:fs/promises';
import { mapConcurrently } from '../concurrency.ts';
import { parseHeader } from '../image-header.ts';
import { sizeProblem, tooLarge } from '../limits.ts';
import type { DataProblem } from '../types.ts';
import { BROKEN, failureReason, readHeader, withImage } from './decode.ts';
import { canDecodeHeic, HEIC_PROBLEM } from './heic.ts';

/** `quick` reads headers and the ends of files, and decodes suspicious ones; `full` decodes every file. */
export type Verification = 'quick' | 'full';

export interface CheckedImage {
  readonly format: string;
  /** Maximum number of palette colours; undefined without a palette. */
  readonly paletteColours?: number;
}

const formats = new Set(['jpeg', 'png', 'webp', 'gif', 'tiff', 'heif', 'heic']);

/** The image's properties, or the problem with the file. */
export async function checkImage(file: string, verification: Verification): Promise<CheckedImage | DataProblem> {
  const problem = (reason: string): DataProblem => ({ file, reason });
  try {
    // Opening a pipe would block until someone writes to it.
    const kind = await stat(file);
    if (!kind.isFile()) return problem('not a file');
    if (kind.size === 0) return problem('empty file');
    const { start, tail } = await readEnds(file, kind.size);
    if (verification === 'quick' && isUsableJpeg(start, tail)) return { format: 'jpeg' };
    const metadata = await readHeader(file);
    const { format } = metadata;
    const unfit = headerProblem(metadata);
    if (unfit) return problem(unfit);
    if (verification === 'full' || !(await endsWell(file, format, tail)))
      await withImage(file, (image) => image.resize(16, 16, { fit: 'fill' }).raw().toBuffer());
    return { format, paletteColours: metadata.isPalette ? 2 ** (metadata.bitsPerSample ?? 8) : undefined };
  } catch (error) {
    return problem(failureReason(error));
  }
}

/** A short reason why an image with this header cannot be used. */
function headerProblem({ format, width, height }: Awaited<ReturnType<typeof readHeader>>): string | undefined {
  if (!formats.has(format)) return `${format} is not supported: save it as JPEG or PNG`;
  return sizeProblem(width, height) ?? (format === 'heic' && !canDecodeHeic() ? HEIC_PROBLEM : undefined);
}

/** The problem with the contents of a file, from its header. @param maximum pixels */
export async function contentProblem(
  contents: Uint8Array,
  maximum: number,
): Promise<{ readonly reason: string; readonly isTooLarge?: boolean } | undefined> {
  try {
    const header = await readHeader(contents);
    if (header.width * header.height > maximum)
      return { reason: tooLarge(header.width, header.height, maximum), isTooLarge: true };
    const reason = headerProblem(header);
    return reason === undefined ? undefined : { reason };
  } catch (error) {
    return { reason: failureReason(error) };
  }
}

/** Whether a file starts and ends as a JPEG of a usable size. This takes a fraction of the time of libvips, which opens the file again. */
function isUsableJpeg(start: Uint8Array, tail: Uint8Array): boolean {
  const header = parseHeader(start);
  if (typeof header !== 'object' || header.format !== 'jpeg') return false;
  const { width, height } = header;
  return width > 0 && height > 0 && sizeProblem(width, height) === undefined && endsJpeg(tail);
}

/** Bytes from the start of a file: enough for the size of most JPEGs, but not of those with a thumbnail. */
const START = 2 ** 12;
const TAIL = 12;

/** The first and the last bytes of a file. */
async function readEnds(file: string, size: number): Promise<{ start: Uint8Array; tail: Uint8Array }> {
  const handle = await open(file);
  const read = async (length: number, position: number) => {
    const { buffer, bytesRead } = await handle.read(new Uint8Array(length), 0, length, position);
    return buffer.subarray(0, bytesRead);
  };
  try {
    const start = await read(Math.min(START, size), 0);
    if (size <= START) return { start, tail: start.subarray(-TAIL) };
    return { start, tail: await read(TAIL, size - TAIL) };
  } finally {
    await handle.close();
  }
}

const endsJpeg = (tail: Uint8Array): boolean => tail.at(-2) === 0xff && tail.at(-1) === 0xd9;

/** Whether the file ends as its format requires, so that it is not truncated. */
async function endsWell(file: string, format: string, tail: Uint8Array): Promise<boolean> {
  if (format === 'jpeg') return endsJpeg(tail);
  if (format === 'png') return String.fromCharCode(...tail).endsWith('IEND\xae\x42\x60\x82');
  if (format === 'heic') return boxesEndWell(file);
  // The decoders of these formats read the whole file for its header.
  return format === 'gif' || format === 'webp';
}

/** A file has a handful of boxes at its top level. */
const MOST_BOXES = 100;

/** Whether the boxes of an ISO media file end where the file ends. */
async function boxesEndWell(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const header = new DataView(new ArrayBuffer(16));
    let at = 0;
    for (let boxes = 0; at < size && boxes < MOST_BOXES; boxes++) {
      await file.read(header, 0, 16, at);
      const length = header.getUint32(0);
      // 0 is a box to the end of the file, 1 a box with a 64-bit length.
      if (length === 0) return true;
      at += length === 1 ? Number(header.getBigUint64(8)) : length;
    }
    return at === size;
  } finally {
    await file.close();
  }
}

export const isProblem = (result: CheckedImage | DataProblem): result is DataProblem => 'reason' in result;

/** Checks the images of a data set, without placeholders. Results are in the order of the files. */
export const checkImages = async (
  files: readonly string[],
  verification: Verification,
  signal?: AbortSignal,
): Promise<(CheckedImage | DataProblem)[]> => skipPlaceholders(files, await checkFiles(files, verification, signal));

/** Checks files concurrently. Results are in the order of the files. */
export async function checkFiles(
  files: readonly string[],
  verification: Verification,
  signal?: AbortSignal,
): Promise<(CheckedImage | DataProblem)[]> {
  const results = await mapConcurrently(files, 16, (file) => checkImage(file, verification), signal);
  const broken = [...results.keys()].filter((i) => isBroken(results[i]));
  for (const [nth, i] of broken.entries()) {
    signal?.throwIfAborted();
    results[i] = nth < MOST_EXPLAINED ? await checkImage(files[i], verification) : { file: files[i], reason: BROKEN };
  }
  return results;
}

/** libvips mixes the messages of images that fail at the same time. So this many broken images are read again, one at a time. */
const MOST_EXPLAINED = 50;

const isBroken = (result: CheckedImage | DataProblem): boolean => isProblem(result) && result.reason.startsWith(BROKEN);

/**
 * Downloaded photographs often include "image not found" graphics. If at least nine in ten files, and at least twenty, are JPEGs, an image
 * with a palette of at most 64 colours counts as such a placeholder.
 */
function skipPlaceholders(files: readonly string[], results: readonly (CheckedImage | DataProblem)[]) {
  const photographs = results.filter((r) => !isProblem(r) && r.format === 'jpeg').length;
  if (photographs < 20 || photographs < 0.9 * results.length) return [...results];
  return results.map((result, i) => {
    if (isProblem(result) || (result.paletteColours ?? 256) > 64) return result;
    const reason = `probably a placeholder: a graphic of at most ${result.paletteColours} colours among photographs (save it as JPEG to keep it)`;
    return { file: files[i], reason };
  });
}
