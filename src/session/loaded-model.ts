import type { ImageReader } from '../data/index.ts';
import { isText, TextTokenizer } from '../data/text/index.ts';
import { ThawError } from '../errors.ts';
import type { Prediction, TaskName } from '../tasks/index.ts';
import type { Predictor } from './predictor.ts';
import { plainSource } from './sources.ts';

/** The most probable labels, the best first. */
export interface Ranked {
  readonly top: readonly { readonly label: string; readonly probability: number }[];
}

/** A prediction, with its best labels if `topK` asks for them. */
type RankedPrediction<T extends TaskName> = T extends 'classification' | 'multi-label' ? Prediction<T> & Ranked : never;

export interface TopOptions {
  /** How many labels `top` lists. */
  readonly topK: number;
}

/**
 * A finished model that stays loaded: call it with one sample or with several. Calls that overlap wait for each other.
 *
 * @typeParam T the model's task @typeParam S a sample: an image as the platform has it, or a text
 * @throws ThawError `bad-data` if an image cannot be read
 */
export interface LoadedModel<T extends TaskName, S> {
  (sample: S): Promise<Prediction<T>>;
  (sample: S, options: TopOptions): Promise<RankedPrediction<T>>;
  (samples: readonly S[]): Promise<Prediction<T>[]>;
  (samples: readonly S[], options: TopOptions): Promise<RankedPrediction<T>[]>;
  readonly task: T;
  /** Names of the classes, labels or numbers, in the order of the model's outputs. */
  readonly labels: readonly string[];
  /** Gives back the memory of the model. */
  dispose(): Promise<void>;
}

/** How a platform reads the images of one call. */
export type ReaderOf<S> = (samples: readonly S[]) => ImageReader;

/**
 * A loaded model of a predictor.
 *
 * @param task the task that the caller expects
 * @throws ThawError `bad-config` if the model has another task
 */
export function loadedModel<T extends TaskName, S>(
  predictor: Predictor,
  task: T,
  readerOf: ReaderOf<S>,
): LoadedModel<T, S> {
  const { facts, classes } = predictor.task;
  checkTask(task, facts.task);
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <R>(work: () => Promise<R>): Promise<R> => {
    const next = last.then(work, work);
    last = next.catch(() => undefined);
    return next;
  };
  const { format } = predictor.parts;
  const tokenizer = isText(format) ? new TextTokenizer(format) : undefined;
  const predict = async (given: S | readonly S[], { topK }: Partial<TopOptions> = {}) => {
    const samples = (Array.isArray(given) ? given : [given]) as readonly S[];
    const predictions = await inTurn(() => predictionsOf(predictor, samples, readerOf, tokenizer));
    const ranked = topK === undefined ? predictions : predictions.map((prediction) => withTop(prediction, topK));
    return Array.isArray(given) ? ranked : ranked[0];
  };
  // The overloads say which of them it returns.
  return Object.assign(predict, {
    task,
    labels: classes,
    dispose: () => inTurn(() => predictor.release()),
  }) as unknown as LoadedModel<T, S>;
}

/** @throws ThawError `bad-config` */
export function checkTask(expected: TaskName, found: TaskName): void {
  if (expected === found) return;
  throw new ThawError('bad-config', `the model's task is ${found}, not ${expected}`, `Give task: '${found}'`);
}

async function predictionsOf<S>(
  predictor: Predictor,
  given: readonly S[],
  readerOf: ReaderOf<S>,
  tokenizer: TextTokenizer | undefined,
): Promise<Prediction[]> {
  const { task, parts } = predictor;
  const text = (sample: S, i: number) => {
    if (typeof sample === 'string') return sample;
    throw new ThawError('bad-data', `sample ${i} is not a text, and the model reads texts`, 'Give strings');
  };
  const samples = given.map((sample, i) => ({
    ...{ file: String(i), label: 0 },
    ...(tokenizer && { text: text(sample, i) }),
  }));
  const onProblem = ({ file, reason }: { readonly file: string; readonly reason: string }) => {
    throw new ThawError('bad-data', `image ${file} cannot be read: ${reason}`, 'Give a file that shows an image');
  };
  const predictions: Prediction[] = new Array(given.length);
  const source = plainSource(samples, parts.format, { reader: readerOf(given), onProblem }, parts.testViews, tokenizer);
  for await (const batch of predictor.outcomes(source))
    for (const outcome of batch) predictions[outcome.index] = task.prediction(outcome);
  return predictions;
}

/** @throws ThawError `bad-config` if the task has no probabilities, or `topK` is not a count */
function withTop(prediction: Prediction, topK: number): Prediction & Ranked {
  if (!Number.isInteger(topK) || topK < 1)
    throw new ThawError('bad-config', `topK is ${topK}`, 'It must be a whole number from 1');
  if (!('probabilities' in prediction))
    throw new ThawError('bad-config', 'topK ranks labels, and the model has none', 'Leave it out');
  const ranked = Object.entries(prediction.probabilities).map(([label, probability]) => ({ label, probability }));
  return { ...prediction, top: ranked.sort((a, b) => b.probability - a.probability).slice(0, topK) };
}
