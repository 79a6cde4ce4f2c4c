/** Loads and evaluates finished models, and predicts files. */

import { fileURLToPath } from 'node:url';
import { type ImageFile, sharpReader } from '../../data/node/index.ts';
import { ThawError } from '../../errors.ts';
import { checkTask, type LoadedModel, loadedModel, type PredictionSettings } from '../../session/index.ts';
import type { Prediction, TaskEvaluation, TaskName } from '../../tasks/index.ts';
import {
  type EvaluateRequest as AnyEvaluateRequest,
  type PredictRequest as AnyPredictRequest,
  evaluate as evaluateAny,
  type JobHooks,
  openPredictor,
  predict as predictAny,
} from '../commands/index.ts';

/** The expected task of the model. Default: `classification`. It determines the types; a model with another task is an error. */
interface ExpectedTask<T extends TaskName> {
  readonly task?: T;
}

/** An image: a path, a `file:` URL, the contents of a file, a Blob, or pixels. For a text model, a text. */
export type ModelInput = ImageFile | URL | Blob;

export interface LoadOptions<T extends TaskName> extends ExpectedTask<T>, JobHooks {
  readonly settings?: PredictionSettings;
}

/**
 * Loads a finished model once, to be called often.
 *
 * @param model a run, a model folder or file, an address, `hf:owner/name` or `default`
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
  const { predictor } = await openPredictor({ model, settings }, hooks);
  return loadedModel<T, ModelInput>(predictor, task, (inputs) =>
    sharpReader((file) => contentsOf(inputs[Number(file)])),
  );
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

export interface EvaluateRequest<T extends TaskName> extends AnyEvaluateRequest, ExpectedTask<T> {}

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
  { task = 'classification' as T, ...request }: EvaluateRequest<T>,
  hooks?: JobHooks,
): Promise<TaskEvaluation<T>> {
  const { assessment } = await evaluateAny({ ...request, check: (found) => checkTask(task, found) }, hooks);
  // checkTask has verified the task.
  return assessment as TaskEvaluation<T>;
}

export interface PredictRequest<T extends TaskName> extends AnyPredictRequest, ExpectedTask<T> {}

/** A prediction of a file. */
export type FilePrediction<T extends TaskName = TaskName> = Prediction<T> & {
  /** For a text, its location: a file, or a line of a table. */
  readonly file: string;
  readonly text?: string;
};

/**
 * Predicts files and folders, in order. Files that are not images are reported as notices and skipped.
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
  { task = 'classification' as T, ...request }: PredictRequest<T>,
  hooks?: JobHooks,
): Promise<FilePrediction<T>[]> {
  const predicted = await predictAny({ ...request, check: (found) => checkTask(task, found) }, hooks);
  return predicted.map(({ file, text, prediction }) => {
    // checkTask has verified the task.
    return { file, ...(text !== undefined && { text }), ...prediction } as FilePrediction<T>;
  });
}
