import type { BatchSource, ImageReader, TestView } from '../data/index.ts';
import { isText, TextTokenizer } from '../data/text/index.ts';
import { ThawError } from '../errors.ts';
import {
  type Prediction,
  type RankedLabel,
  rankedLabels,
  type Task,
  type TaskName,
  type TaskOutcome,
} from '../tasks/index.ts';
import type { ExplainOptions, Explanation } from './explainer.ts';
import type { InputFormat } from './input-format.ts';
import type { Predictor } from './predictor.ts';
import { plainSource } from './sources.ts';

/** The most probable labels, the best first. */
export interface Ranked {
  readonly top: readonly RankedLabel[];
}

/** A prediction with its best labels, which `topK` asks for. */
export type RankedPrediction<T extends TaskName> = T extends 'classification' | 'multi-label'
  ? Prediction<T> & Ranked
  : never;

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
  /**
   * Maps of the parts of images that speak for their predictions, or for the label that `options` names.
   *
   * @throws ThawError `bad-model` or `bad-config` if the model or the method gives no map; `bad-data` if an image cannot be read
   */
  explain(sample: S, options?: ExplainOptions): Promise<Explanation>;
  /** The same for several samples, in their order. */
  explain(samples: readonly S[], options?: ExplainOptions): Promise<Explanation[]>;
  /** Gives back the memory of the model. */
  dispose(): Promise<void>;
}

/** How a platform reads the images of one call. */
export type ReaderOf<S> = (samples: readonly S[]) => ImageReader;

/** The backend of a loaded model: in this process, or in a worker. */
export interface LoadedParts<T extends TaskName, S> extends Pick<LoadedModel<T, S>, 'task' | 'labels' | 'dispose'> {
  predict(samples: readonly S[], options: Partial<TopOptions>): Promise<readonly Prediction[]>;
  explain(samples: readonly S[], options: ExplainOptions): Promise<readonly Explanation[]>;
}

/** A model to be called, of its parts. */
export function callable<T extends TaskName, S>({ predict, explain, ...rest }: LoadedParts<T, S>): LoadedModel<T, S> {
  const call = oneOrMany(predict);
  // The overloads distinguish the two.
  return Object.assign(call, { explain: oneOrMany(explain), ...rest }) as unknown as LoadedModel<T, S>;
}

/** A function of a list that also takes one sample, and then gives one result. */
const oneOrMany =
  <S, O extends object, R>(all: (samples: readonly S[], options: Partial<O>) => Promise<readonly R[]>) =>
  async (given: S | readonly S[], options: Partial<O> = {}): Promise<R | readonly R[]> => {
    const results = await all((Array.isArray(given) ? given : [given]) as readonly S[], options);
    return Array.isArray(given) ? results : results[0];
  };

/** A loaded model of a predictor. */
export function loadedModel<T extends TaskName, S>(predictor: Predictor<T>, readerOf: ReaderOf<S>): LoadedModel<T, S> {
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <R>(work: () => Promise<R>): Promise<R> => {
    const next = last.then(work, work);
    last = next.catch(() => undefined);
    return next;
  };
  const { format, testViews } = predictor.parts;
  const tokenizer = isText(format) ? new TextTokenizer(format) : undefined;
  return callable({
    task: predictor.parts.taskName,
    labels: predictor.task.classes,
    predict: (samples, { topK }) =>
      inTurn(async () => {
        const source = inputSource(samples, { format, testViews, tokenizer, readerOf });
        const outcomes: TaskOutcome[] = [];
        for await (const batch of predictor.outcomes(source)) outcomes.push(...batch);
        return inputPredictions(predictor.task, outcomes, topK);
      }),
    explain: (samples, options) => inTurn(() => explanations(predictor, samples, readerOf, options)),
    dispose: () => inTurn(() => predictor.release()),
  });
}

/** Explanations of images, in their order. @throws ThawError `bad-data` if an image cannot be read */
export async function explanations<S>(
  predictor: Predictor,
  samples: readonly S[],
  readerOf: ReaderOf<S>,
  options: ExplainOptions,
): Promise<Explanation[]> {
  const explained: Explanation[] = [];
  const names = samples.map((_, i) => String(i));
  const images = { reader: readerOf(samples), failed: (file: string, reason: string) => unreadable({ file, reason }) };
  for await (const { index: _, ...explanation } of predictor.explain(names, images, options))
    explained.push(explanation);
  return explained;
}

function unreadable({ file, reason }: { readonly file: string; readonly reason: string }): never {
  throw new ThawError('bad-data', `image ${file} cannot be read: ${reason}`, 'Give a file that shows an image');
}

/** How inputs without labels are read. */
export interface InputReading<S> {
  readonly format: InputFormat;
  readonly readerOf: ReaderOf<S>;
  readonly testViews?: readonly TestView[];
  /** Of the format; made anew unless given. */
  readonly tokenizer?: TextTokenizer;
  /** A training also computes a loss, which takes so many targets of each. */
  readonly targets?: number;
}

/**
 * Images or texts without labels.
 *
 * @throws ThawError `bad-data` if one is not what the model reads; the source, if an image cannot be read
 */
export function inputSource<S>(
  inputs: readonly S[],
  { format, readerOf, testViews, tokenizer, targets }: InputReading<S>,
): BatchSource {
  const text = (input: S, i: number) => {
    if (typeof input === 'string') return input;
    throw new ThawError('bad-data', `input ${i} is not a text, and the model reads texts`, 'Give strings');
  };
  const samples = inputs.map((input, i) => ({
    ...{ file: String(i), label: 0 },
    ...(isText(format) && { text: text(input, i) }),
    ...(targets && { targets: new Array<number>(targets).fill(0) }),
  }));
  return plainSource(samples, format, { reader: readerOf(inputs), onProblem: unreadable }, testViews, tokenizer);
}

/** The predictions of outcomes, in the order of the inputs. @throws ThawError `bad-config` if `topK` cannot be had */
export function inputPredictions(
  task: Task,
  outcomes: readonly TaskOutcome[],
  topK: number | undefined,
): readonly Prediction[] {
  const inOrder = outcomes.toSorted((a, b) => a.index - b.index).map((outcome) => task.prediction(outcome));
  return topK === undefined ? inOrder : inOrder.map((prediction) => withTop(prediction, topK));
}

/** @throws ThawError `bad-config` if the task has no probabilities, or `topK` is not a count */
function withTop(prediction: Prediction, topK: number): Prediction & Ranked {
  if (!Number.isInteger(topK) || topK < 1)
    throw new ThawError('bad-config', `topK is ${topK}`, 'It must be a whole number from 1');
  const ranked = rankedLabels(prediction);
  if (!ranked) throw new ThawError('bad-config', 'topK ranks labels, and the model has none', 'Leave it out');
  return { ...prediction, top: ranked.slice(0, topK) };
}
