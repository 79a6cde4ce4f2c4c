/** Images and texts from files, as jobs open them. */
import type { BatchSource, DataProblem, Dataset, Sample, TestView } from '../../data/index.ts';
import {
  type OpenDatasetOptions,
  openDataset,
  openImages,
  openTexts,
  readTexts,
  sharpReader,
} from '../../data/node/index.ts';
import { isText } from '../../data/text/index.ts';
import { requireText, ThawError } from '../../errors.ts';
import { type InputFormat, plainSource as plain, type SourcePlatform } from '../../session/index.ts';
import type { JobHooks } from './events.ts';

/** A data set of what the model takes. */
export async function openLabelled(path: string, format: InputFormat, options: OpenDatasetOptions): Promise<Dataset> {
  requireText(path, 'data', 'Give the path of a folder or of a table');
  return isText(format) ? openTexts(path, options) : openDataset(path, options);
}

/** Samples to predict: files and folders of images; texts, and files and folders of them. */
export async function openUnlabelled(
  given: readonly string[],
  format: InputFormat,
  options: Pick<OpenDatasetOptions, 'strict' | 'signal'>,
): Promise<{ samples: Sample[]; problems: DataProblem[] }> {
  if (!Array.isArray(given) || !given.every((path) => typeof path === 'string'))
    throw new ThawError('bad-config', 'images is not a list of texts', 'Give paths of files and folders, or texts');
  return isText(format) ? readTexts(given) : openImages(given, options);
}

/** Reads images with sharp, and reports those that cannot be read. */
export function fileReading({ onEvent }: Pick<JobHooks, 'onEvent'> = {}): SourcePlatform {
  const onNotice = (message: string) => onEvent?.({ type: 'notice', message });
  return {
    reader: sharpReader(),
    onNotice,
    onProblem: ({ file, reason }) => onNotice(`${file} is left out: ${reason}`),
  };
}

/** Samples as they are, in order, or of texts by their lengths. Each one that cannot be read is reported once. */
export const plainSource = (
  samples: readonly Sample[],
  format: InputFormat,
  hooks: JobHooks = {},
  testViews?: readonly TestView[],
): BatchSource => plain(samples, format, fileReading(hooks), testViews);
