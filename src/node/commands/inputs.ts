/** Opens images and texts from files for jobs. */
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

/** @throws ThawError `bad-config` if a caller in JavaScript gives no data */
export const requireData: (path: unknown) => asserts path is string = (path) =>
  requireText(path, 'data', 'Give the path of a folder or of a table');

/** Opens a labelled data set of images or texts, as the model needs. */
export async function openLabelled(path: string, format: InputFormat, options: OpenDatasetOptions): Promise<Dataset> {
  requireData(path);
  return isText(format) ? openTexts(path, options) : openDataset(path, options);
}

/** Opens unlabelled samples for a prediction: image files and folders, or texts, text files and folders. */
export async function openUnlabelled(
  given: readonly string[],
  format: InputFormat,
  { texts, ...options }: Pick<OpenDatasetOptions, 'strict' | 'signal'> & { readonly texts?: boolean },
): Promise<{ samples: Sample[]; problems: DataProblem[] }> {
  if (!Array.isArray(given) || !given.every((path) => typeof path === 'string'))
    throw new ThawError('bad-config', 'images is not a list of texts', 'Give paths of files and folders, or texts');
  if (isText(format)) return readTexts(given, { only: texts });
  if (texts) throw new ThawError('bad-config', 'texts: the model reads images', 'Leave it out, and give image files');
  return openImages(given, options);
}

/** Reads images with sharp, and reports unreadable ones. */
export function fileReading({ onEvent }: Pick<JobHooks, 'onEvent'> = {}): SourcePlatform {
  const onNotice = (message: string) => onEvent?.({ type: 'notice', message });
  return {
    reader: sharpReader(),
    onNotice,
    onProblem: ({ file, reason }) => onNotice(`skipped ${file}: ${reason}`),
  };
}

/** Samples without augmentation, in order; texts sorted by length. Each unreadable sample is reported once. */
export const plainSource = (
  samples: readonly Sample[],
  format: InputFormat,
  hooks: JobHooks = {},
  testViews?: readonly TestView[],
): BatchSource => plain(samples, format, fileReading(hooks), testViews);
