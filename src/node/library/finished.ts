/** Loads and evaluates finished models, and predicts files. */

import { fileURLToPath } from 'node:url';
import { type ImageFile, sharpReader } from '../../data/node/index.ts';
import { requireRequest, ThawError } from '../../errors.ts';
import { type LoadedModel, loadedModel } from '../../session/index.ts';
import type { Prediction, TaskEvaluation, TaskName } from '../../tasks/index.ts';
import {
  type EvaluateRequest,
  type ExplainRequest,
  evaluate as evaluateAny,
  explain as explainAny,
  type FileExplanation,
  type JobHooks,
  type OpenPredictorRequest,
  openPredictor,
  type PredictRequest,
  predict as predictAny,
} from '../commands/index.ts';

/** An image: a path, a `file:` URL, the contents of a file, a Blob, or pixels. For a text model, a text. */
export type ModelInput = ImageFile | URL | Blob;

/** `task` is the expected one. Default: `classification`. It determines the types; a model with another task is an error. */
export interface LoadOptions<T extends TaskName> extends Pick<OpenPredictorRequest<T>, 'task' | 'settings'>, JobHooks {}

/**
 * Loads a finished model once, to be called often.
 *
 * @param model a run, a model folder or file, an address, `hf:owner/name` or a name from `thaw models`
 * @example
 * ```ts
 * import { loadModel } from 'thaw';
 *
 * const classify = await loadModel('runs/images-1');
 * const { label, probability, top } = await classify('new.jpg', { topK: 3 });
 * console.log(label, probability, top);
 * await classify.dispose();
 * ```
 * @throws ThawError if the model cannot be read, or has another task
 */
export async function loadModel<T extends TaskName = 'classification'>(
  model: string,
  { task = 'classification' as T, settings, ...hooks }: LoadOptions<T> = {},
): Promise<LoadedModel<T, ModelInput>> {
  const { predictor } = await openPredictor({ model, task, settings }, hooks);
  return loadedModel<T, ModelInput>(predictor, (inputs) => sharpReader((file) => contentsOf(inputs[Number(file)])));
}

async function contentsOf(input: ModelInput): Promise<ImageFile> {
  if (input instanceof Blob) return new Uint8Array(await input.arrayBuffer());
  if (!(input instanceof URL)) return input;
  if (input.protocol === 'file:') return fileURLToPath(input);
  throw new ThawError(
    'bad-data',
    `${input.protocol} addresses of images are not supported`,
    'Download the image, and pass it as a Blob',
  );
}

/**
 * Measures a finished model on labelled images or texts.
 *
 * @example
 * ```ts
 * import { evaluate } from 'thaw';
 *
 * const { accuracy, confusion } = await evaluate({ model: 'runs/images-1', data: './test-images' });
 * console.log(accuracy, confusion);
 * ```
 * @throws ThawError if the model has another task or does not name its classes, or the data has others
 */
export async function evaluate<T extends TaskName = 'classification'>(
  request: EvaluateRequest<T>,
  hooks?: JobHooks,
): Promise<TaskEvaluation<T>> {
  requireRequest(request);
  const { assessment } = await evaluateAny({ ...request, task: request.task ?? ('classification' as T) }, hooks);
  // The model has this task, or it is an error.
  return assessment as TaskEvaluation<T>;
}

/**
 * Shows which parts of image files speak for their predictions, in order. Files that are not images are reported as notices and skipped.
 *
 * @example
 * ```ts
 * import { explain } from 'thaw';
 *
 * for (const { file, label, method, overlay } of await explain({ model: 'runs/images-1', images: ['./new'], out: 'overlays' })) {
 *   console.log(file, label, method, overlay);
 * }
 * ```
 * @throws ThawError if the model cannot be read, or gives no map
 */
export const explain = (request: ExplainRequest, hooks?: JobHooks): Promise<FileExplanation[]> =>
  explainAny(request, hooks);

/** A prediction of a file. */
export type FilePrediction<T extends TaskName = TaskName> = Prediction<T> & {
  /** `-` for standard input. For a text, its location: a file, or a line of a table. */
  readonly file: string;
  readonly text?: string;
  /** Of a frame, seconds from the start of its video. */
  readonly time?: number;
};

/**
 * Predicts files, folders, globs and videos, in order. Files that are not images are reported as notices and skipped.
 *
 * @example
 * ```ts
 * import { predict } from 'thaw';
 *
 * for (const { file, label, probability } of await predict({ model: 'runs/images-1', images: ['./new'] })) {
 *   console.log(file, label, probability);
 * }
 * ```
 * @throws ThawError if the model cannot be read, or has another task
 */
export async function predict<T extends TaskName = 'classification'>(
  request: PredictRequest<T>,
  hooks?: JobHooks,
): Promise<FilePrediction<T>[]> {
  const predictions: FilePrediction<T>[] = [];
  for await (const prediction of predictEach(request, hooks)) predictions.push(prediction);
  return predictions;
}

/**
 * The same, one prediction after the other: any number of files takes the same memory. Leaving the loop ends the job.
 *
 * @example
 * ```ts
 * import { predictEach } from 'thaw';
 *
 * for await (const { file, label } of predictEach({ model: 'runs/images-1', images: ['photos/2026-*'] })) {
 *   console.log(file, label);
 * }
 * ```
 * @throws ThawError if the model cannot be read, or has another task
 */
export async function* predictEach<T extends TaskName = 'classification'>(
  request: PredictRequest<T>,
  hooks?: JobHooks,
): AsyncGenerator<FilePrediction<T>> {
  requireRequest(request);
  for await (const group of predictAny({ ...request, task: request.task ?? ('classification' as T) }, hooks))
    for (const { words: _, prediction, ...sample } of group) {
      // The model has this task, or it is an error.
      yield { ...sample, ...prediction } as FilePrediction<T>;
    }
}
