/** Opens images and texts from files for jobs. */
import type { BatchSource, Dataset, Sample, TestView } from '../../data/index.ts';
import { type OpenDatasetOptions, openDataset, openTexts, sharpReader } from '../../data/node/index.ts';
import { isText } from '../../data/text/index.ts';
import { requireText } from '../../errors.ts';
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
