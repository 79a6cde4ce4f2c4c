import { isAbsolute, relative } from 'node:path';
import type { Sample } from '../../data/index.ts';
import type { ClassifierSettings } from '../../session/index.ts';
import type { Answer } from '../../tasks/index.ts';
import { Classifier } from './classifier.ts';
import type { JobHooks } from './events.ts';
import { openUnlabelled, plainSource } from './inputs.ts';

export interface PredictRequest {
  /** A run, a model folder or file, an address, `hf:owner/name`. */
  readonly model: string;
  /** Files, and folders with all files in them; of a model that reads texts also texts themselves, and tables of them. */
  readonly images: readonly string[];
  /** Stops at a file that is no image instead of leaving it out. */
  readonly strict?: boolean;
  readonly settings?: ClassifierSettings;
}

/** What an image shows or a text says, as a classifier has it. */
export interface LabelledImage {
  readonly file: string;
  /** Where it is one. */
  readonly text?: string;
  readonly label: string;
  readonly probability: number;
  /** Of every class. */
  readonly probabilities: Readonly<Record<string, number>>;
}

/** What a model says of an image or a text. */
export interface AnsweredSample extends Answer {
  /** Of a text where it stands: a file, or a line of a table. */
  readonly file: string;
  readonly text?: string;
}

/**
 * What a finished model says of images.
 *
 * @typeParam A what the model's task answers, the file besides
 * @returns in the order of the images; files that are none are told as notices and left out
 */
export async function predict<A extends { readonly file: string } = LabelledImage>(
  request: PredictRequest,
  hooks: JobHooks = {},
): Promise<A[]> {
  const answered = await answers(request, hooks);
  return answered.map(
    ({ file, text, answer }) => ({ file, ...(text === undefined ? {} : { text }), ...answer }) as unknown as A,
  );
}

/** The same, with words for people. */
export async function answers(request: PredictRequest, hooks: JobHooks): Promise<AnsweredSample[]> {
  const classifier = await Classifier.open(request.model, request.settings ?? {}, hooks);
  try {
    const { task, preprocessing } = classifier;
    const { samples, problems } = await openUnlabelled(request.images, preprocessing, {
      strict: request.strict,
      signal: hooks.signal,
    });
    for (const { file, reason } of problems)
      hooks.onEvent?.({ type: 'notice', message: `${file} is left out: ${reason}` });
    const asWritten = request.images.every((path) => isAbsolute(path));
    const named = ({ file, text }: Sample) =>
      text === undefined ? { file: asWritten ? file : relative(process.cwd(), file) } : { file, text };
    const answered = new Map<number, AnsweredSample>();
    for await (const batch of classifier.predict(plainSource(samples, preprocessing, hooks, classifier.testViews))) {
      hooks.signal?.throwIfAborted();
      for (const outcome of batch)
        answered.set(outcome.index, { ...named(samples[outcome.index]), ...task.answer(outcome) });
    }
    return [...answered.keys()].sort((a, b) => a - b).map((index) => answered.get(index)!);
  } finally {
    await classifier.release();
  }
}
