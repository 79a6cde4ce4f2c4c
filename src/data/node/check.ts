/** Checks whether a file is a usable image, by its content and not by its name. */
import { open, stat } from 'node:fs/promises';
import type { Metadata } from 'sharp';
import { mapConcurrently } from '../concurrency.ts';
import { sizeProblem } from '../limits.ts';
import type { DataProblem } from '../types.ts';
import { failureReason, openImage, readHeader } from './decode.ts';

/** `quick` reads headers and the ends of files, and decodes suspicious ones; `full` decodes every file. */
export type Verification = 'quick' | 'full';

export interface CheckedImage {
  readonly format: string;
  /** Maximum number of palette colours; undefined without a palette. */
  readonly paletteColours?: number;
}

const formats = new Set(['jpeg', 'png', 'webp', 'gif', 'tiff', 'heif']);

/** The image's properties, or the problem with the file. */
export async function checkImage(file: string, verification: Verification): Promise<CheckedImage | DataProblem> {
  const problem = (reason: string): DataProblem => ({ file, reason });
  try {
    // Opening a pipe would block until someone writes to it.
    if (!(await stat(file)).isFile()) return problem('not a file');
    const tail = await readTail(file);
    if (tail.length === 0) return problem('empty file');
    const metadata = await readHeader(file);
    const { format, width, height } = metadata;
    if (!formats.has(format)) return problem(`${format} is not supported: save it as JPEG or PNG`);
    const unfit = sizeProblem(width, height);
    if (unfit) return problem(unfit);
    if (verification === 'full' || !endsWell(format, tail))
      await openImage(file).resize(16, 16, { fit: 'fill' }).raw().toBuffer();
    return { format, paletteColours: metadata.isPalette ? 2 ** (metadata.bitsPerSample ?? 8) : undefined };
  } catch (error) {
    return problem(failureReason(error));
  }
}

/** The last bytes of a file, at most 12. */
async function readTail(file: string): Promise<Uint8Array> {
  const handle = await open(file);
  try {
    const { size } = await handle.stat();
    const length = Math.min(12, size);
    const { buffer } = await handle.read(new Uint8Array(length), 0, length, size - length);
    return buffer;
  } finally {
    await handle.close();
  }
}

/** Whether the file ends as its format requires, so that it is not truncated. */
function endsWell(format: Metadata['format'], tail: Uint8Array): boolean {
  const end = String.fromCharCode(...tail);
  if (format === 'jpeg') return end.endsWith('\xff\xd9');
  if (format === 'png') return end.endsWith('IEND\xae\x42\x60\x82');
  // The decoders of these formats read the whole file for its header.
  return format === 'gif' || format === 'webp';
}

export const isProblem = (result: CheckedImage | DataProblem): result is DataProblem => 'reason' in result;

/** Checks files concurrently. Results are in the order of the files. */
export async function checkImages(
  files: readonly string[],
  verification: Verification,
  signal?: AbortSignal,
): Promise<(CheckedImage | DataProblem)[]> {
  const results = await mapConcurrently(files, 16, (file) => checkImage(file, verification), signal);
  return skipPlaceholders(files, results);
}

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
