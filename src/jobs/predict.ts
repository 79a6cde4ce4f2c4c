import { isAbsolute, relative } from 'node:path';
import { openPictures, PictureSource } from '../data/node/index.ts';
import type { ClassifierSettings } from '../recipe/index.ts';
import type { Answer } from '../tasks/index.ts';
import { Classifier } from './classifier.ts';
import type { JobHooks } from './events.ts';

export interface PredictRequest {
  /** A run, a model folder or file, an address, `hf:owner/name`. */
  readonly model: string;
  /** Files, and folders with all files in them. */
  readonly pictures: readonly string[];
  /** Stops at a file that is no picture instead of leaving it out. */
  readonly strict?: boolean;
  readonly settings?: ClassifierSettings;
}

/** What a picture shows, as a classifier says it. */
export interface LabelledPicture {
  readonly file: string;
  readonly label: string;
  readonly probability: number;
  /** Of every class. */
  readonly probabilities: Readonly<Record<string, number>>;
}

/** What a model says of a picture. */
export interface AnsweredPicture extends Answer {
  readonly file: string;
}

/**
 * What a finished model says of pictures.
 *
 * @typeParam A what the model's task answers, the file besides
 * @returns in the order of the pictures; files that are none are told as notices and left out
 */
export async function predict<A extends { readonly file: string } = LabelledPicture>(
  request: PredictRequest,
  hooks: JobHooks = {},
): Promise<A[]> {
  const answered = await answers(request, hooks);
  return answered.map(({ file, answer }) => ({ file, ...answer }) as unknown as A);
}

/** The same, with words for people. */
export async function answers(request: PredictRequest, hooks: JobHooks): Promise<AnsweredPicture[]> {
  const { samples, problems } = await openPictures(request.pictures, { strict: request.strict });
  const leaveOut = ({ file, reason }: { file: string; reason: string }) =>
    hooks.onEvent?.({ type: 'notice', message: `${file} is left out: ${reason}` });
  problems.forEach(leaveOut);
  const classifier = await Classifier.open(request.model, request.settings ?? {}, hooks);
  const { task, preprocessing } = classifier;
  const source = new PictureSource({ samples, preprocessing, testViews: classifier.testViews, onProblem: leaveOut });
  const asWritten = request.pictures.every((path) => isAbsolute(path));
  const answered: AnsweredPicture[] = [];
  for await (const batch of classifier.predict(source)) {
    hooks.signal?.throwIfAborted();
    for (const outcome of batch) {
      const { file } = samples[outcome.index];
      answered.push({ file: asWritten ? file : relative(process.cwd(), file), ...task.answer(outcome) });
    }
  }
  await classifier.release();
  return answered;
}
