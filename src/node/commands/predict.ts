import { ThawError } from '../../errors.ts';
import { mostProbable, type Prediction, type Task, type TaskName, type TaskOutcome } from '../../tasks/index.ts';
import type { JobHooks } from './events.ts';
import { type OpenPredictorRequest, openPredictor } from './open-predictor.ts';
import { readAhead, type UnlabelledRequest, unlabelledGroups } from './unlabelled.ts';

export interface PredictRequest<T extends TaskName = TaskName>
  extends Omit<OpenPredictorRequest<T>, 'runtime'>,
    UnlabelledRequest {
  /** Number of most probable classes or labels to keep in `probabilities`. Default: all. */
  readonly top?: number;
  /** Absolute paths of files in the folders that are not images, such as the results. */
  readonly except?: readonly string[];
}

/** A sample, its prediction, and the prediction as text. */
export interface PredictedSample {
  /** A path, absolute or relative like the argument; `-` for standard input. For a text, its location: a file, or a line of a table. */
  readonly file: string;
  readonly text?: string;
  /** Of a frame, seconds from the start of its video. */
  readonly time?: number;
  readonly prediction: Prediction;
  /** The value, and its probability if there is one. */
  readonly words: readonly [value: string, probability?: number];
}

/** Groups of samples that are read before they are needed. */
const AHEAD = 2;

/**
 * Predictions of a finished model, in the order of the samples, a group at a time. Any number of samples takes the same memory. Files that are
 * not images are reported as notices and skipped.
 *
 * @throws ThawError for everything that the user can fix; the reason of `hooks.signal`
 */
export async function* predict(
  request: PredictRequest,
  hooks: JobHooks = {},
): AsyncGenerator<readonly PredictedSample[]> {
  const { top, except = [] } = request;
  checkTop(top);
  const { predictor } = await openPredictor(request, hooks);
  const left = new AbortController();
  const signal = hooks.signal ? AbortSignal.any([hooks.signal, left.signal]) : left.signal;
  try {
    const { task, parts } = predictor;
    checkTop(top, task);
    const groups = unlabelledGroups(request, parts, { ...hooks, signal, input: process.stdin, except });
    for await (const { samples, source } of readAhead(groups, AHEAD)) {
      const outcomes: TaskOutcome[] = [];
      for await (const batch of predictor.outcomes(source)) outcomes.push(...batch);
      signal.throwIfAborted();
      yield outcomes
        .sort((a, b) => a.index - b.index)
        .map((outcome) => {
          const { image: _, ...sample } = samples[outcome.index];
          return {
            ...sample,
            words: task.words(outcome),
            // Built when it is read: the probabilities of thousands of classes by name take much more memory than their numbers.
            get prediction() {
              return mostProbable(task.prediction(outcome), top);
            },
          };
        });
    }
  } finally {
    left.abort();
    await predictor.release();
  }
}

/** @throws ThawError `bad-config` if it is not a count, or the task has no probabilities */
export function checkTop(top: number | undefined, task?: Task): void {
  if (top === undefined) return;
  if (!(Number.isInteger(top) && top >= 1))
    throw new ThawError('bad-config', `top is ${top}`, 'Use a whole number from 1');
  const name = task?.facts.task;
  if (name === 'regression' || name === 'embedding')
    throw new ThawError('bad-config', `top ranks labels, and a model for ${name} has none`, 'Leave it out');
}
