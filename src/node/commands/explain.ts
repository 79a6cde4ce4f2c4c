import { isAbsolute, join, parse, relative } from 'node:path';
import { overlayPng, sharpReader } from '../../data/node/index.ts';
import { requireRequest, ThawError } from '../../errors.ts';
import { fileNameOf } from '../../file-names.ts';
import { type ExplainOptions, type Explanation, imageFormat } from '../../session/index.ts';
import { writeAtomically } from '../disk/index.ts';
import type { JobHooks } from './events.ts';
import { type OpenPredictorRequest, openPredictor } from './open-predictor.ts';
import { shownPath } from './paths.ts';
import { openUnlabelled } from './unlabelled.ts';

export interface ExplainRequest extends Pick<OpenPredictorRequest, 'model' | 'settings'>, ExplainOptions {
  /** Image files, and folders with all their images. */
  readonly images: readonly string[];
  /** Folder for the overlays: each image in grey under its map, as PNG. None are written unless given. */
  readonly out?: string;
  /** Stops at a file that is not an image instead of skipping it. */
  readonly strict?: boolean;
}

/** The explanation of an image file. */
export type FileExplanation = Explanation & {
  readonly file: string;
  /** Path of the overlay, if it was asked for. */
  readonly overlay?: string;
};

/**
 * Explains the predictions of image files, in order. Files that are not images are reported as notices and skipped.
 *
 * @throws ThawError for everything that the user can fix
 */
export async function explain(request: ExplainRequest, hooks: JobHooks = {}): Promise<FileExplanation[]> {
  requireRequest(request);
  const { model, settings, images, out, strict, ...options } = request;
  const notice = (message: string) => hooks.onEvent?.({ type: 'notice', message });
  const skipped = (file: string, reason: string) => notice(`skipped ${file}: ${reason}`);
  const { predictor } = await openPredictor({ model, settings }, hooks);
  try {
    const format = imageFormat(predictor.parts.format);
    const { samples, problems } = await openUnlabelled(images, format, { strict, signal: hooks.signal });
    for (const { file, reason } of problems) skipped(file, reason);
    const files = samples.map(({ file }) => file);
    const asWritten = images.every((path) => isAbsolute(path));
    const nameOf = overlayNames();
    const explained: FileExplanation[] = [];
    const failed = (file: string, reason: string) => {
      if (strict) throw new ThawError('bad-data', `${file}: ${reason}`, 'Remove it, or leave out --strict');
      skipped(file, reason);
    };
    for await (const { index, ...explanation } of predictor.explain(
      files,
      { reader: sharpReader(), failed },
      options,
    )) {
      hooks.signal?.throwIfAborted();
      const path = files[index];
      const file = asWritten ? path : relative(process.cwd(), path);
      const overlay = out === undefined ? undefined : join(out, nameOf(path, explanation.label));
      if (overlay !== undefined) await writeAtomically(overlay, await overlayPng(path, explanation));
      explained.push({ file, ...explanation, ...(overlay !== undefined && { overlay: shownPath(overlay) }) });
    }
    return explained;
  } finally {
    await predictor.release();
  }
}

/** Names of overlays: the image's name and the label, each name once. */
function overlayNames(): (file: string, label: string) => string {
  const taken = new Map<string, number>();
  return (file, label) => {
    const name = `${parse(file).name}-${fileNameOf(label) || 'label'}`;
    // Some systems take names in upper and lower case for the same.
    const count = (taken.get(name.toLowerCase()) ?? 0) + 1;
    taken.set(name.toLowerCase(), count);
    return count === 1 ? `${name}.png` : `${name}-${count}.png`;
  };
}
