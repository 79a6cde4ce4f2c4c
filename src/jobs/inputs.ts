/** Where jobs part by what a model takes: pictures or texts. */
import type { BatchSource, DataProblem, Dataset, Preprocessing, Sample, TestView } from '../data/index.ts';
import {
  type OpenDatasetOptions,
  openDataset,
  openPictures,
  openTexts,
  PictureSource,
  readTexts,
} from '../data/node/index.ts';
import type { Noun } from '../report/index.ts';
import { isText, type TextFormat, TextSource } from '../text/index.ts';
import type { JobHooks } from './events.ts';

/** How samples become a model's input. */
export type InputFormat = Preprocessing | TextFormat;

export const nounOf = (format: InputFormat): Noun => (isText(format) ? 'text' : 'picture');

/** A data set of what the model takes. */
export const openLabelled = (path: string, format: InputFormat, options: OpenDatasetOptions): Promise<Dataset> =>
  isText(format) ? openTexts(path, options) : openDataset(path, options);

/** What a user wants to know of: files and folders of pictures; texts, and files and folders of them. */
export const openUnlabelled = (
  given: readonly string[],
  format: InputFormat,
  options: Pick<OpenDatasetOptions, 'strict' | 'signal'>,
): Promise<{ samples: Sample[]; problems: DataProblem[] }> =>
  isText(format) ? readTexts(given) : openPictures(given, options);

/** Samples as they are, in order, or of texts by their lengths. What cannot be read is told once. */
export function plainSource(
  samples: readonly Sample[],
  format: InputFormat,
  { onEvent }: JobHooks = {},
  testViews?: readonly TestView[],
): BatchSource {
  if (isText(format)) return new TextSource({ samples, format });
  return new PictureSource({
    samples,
    preprocessing: format,
    testViews,
    onProblem: ({ file, reason }) => onEvent?.({ type: 'notice', message: `${file} is left out: ${reason}` }),
  });
}
