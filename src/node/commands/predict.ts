import { isAbsolute, relative } from 'node:path';
import type { Sample } from '../../data/index.ts';
import { ThawError } from '../../errors.ts';
import type { Prediction, TaskName } from '../../tasks/index.ts';
import type { JobHooks } from './events.ts';
import { openUnlabelled, plainSource } from './inputs.ts';
import { type OpenPredictorRequest, openPredictor } from './open-predictor.ts';

export interface PredictRequest<T extends TaskName = TaskName> extends Omit<OpenPredictorRequest<T>, 'runtime'> {
  /** Files, folders with all their files; for a text model also texts, and tables of texts. */
  readonly images: readonly string[];
  /** Whether `images` are texts only, even if there are files with these names. */
  readonly texts?: boolean;
  /** Number of most probable classes or labels to keep in `probabilities`. Default: all. */
  readonly top?: number;
  /** Stops at a file that is not an image instead of skipping it. */
  readonly strict?: boolean;
}

/** A sample, its prediction, and the prediction as text. */
export interface PredictedSample {
  /** For a text, its location: a file, or a line of a table. */
  readonly file: string;
  readonly text?: string;
  readonly prediction: Prediction;
  /** The value, and its probability if there is one. */
  readonly words: readonly [value: string, probability?: number];
}

/**
 * Predictions of a finished model, in the order of the samples. Files that are not images are reported as notices and skipped.
 *
 * @throws ThawError for everything that the user can fix
 */
export async function predict(request: PredictRequest, hooks: JobHooks = {}): Promise<PredictedSample[]> {
  const { top = 1 } = request;
  if (!(Number.isInteger(top) && top >= 1))
    throw new ThawError('bad-config', `top is ${top}`, 'Use a whole number from 1');
  const { predictor } = await openPredictor(request, hooks);
  try {
    const { task, format, testViews } = predictor.parts;
    const { samples, problems } = await openUnlabelled(request.images, format, {
      strict: request.strict,
      texts: request.texts,
      signal: hooks.signal,
    });
    for (const { file, reason } of problems) hooks.onEvent?.({ type: 'notice', message: `skipped ${file}: ${reason}` });
    const asWritten = request.images.every((path) => isAbsolute(path));
    const named = ({ file, text }: Sample) =>
      text === undefined ? { file: asWritten ? file : relative(process.cwd(), file) } : { file, text };
    const predicted = new Map<number, PredictedSample>();
    for await (const batch of predictor.outcomes(plainSource(samples, format, hooks, testViews))) {
      hooks.signal?.throwIfAborted();
      for (const outcome of batch) {
        predicted.set(outcome.index, {
          ...named(samples[outcome.index]),
          words: task.words(outcome),
          // Built when it is read: the probabilities of thousands of classes by name take much more memory than their numbers.
          get prediction() {
            return mostProbable(task.prediction(outcome), request.top);
          },
        });
      }
    }
    return [...predicted.keys()].sort((a, b) => a - b).map((index) => predicted.get(index)!);
  } finally {
    await predictor.release();
  }
}

/** A prediction with only its largest probabilities. */
function mostProbable(prediction: Prediction, top: number | undefined): Prediction {
  if (top === undefined || !('probabilities' in prediction)) return prediction;
  const ranked = Object.entries<number>(prediction.probabilities).sort(([, a], [, b]) => b - a);
  return { ...prediction, probabilities: Object.fromEntries(ranked.slice(0, top)) };
}
