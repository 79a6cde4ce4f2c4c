import { requireRequest } from '../../errors.ts';
import type { NamedTask } from '../../session/index.ts';
import type { TaskName } from '../../tasks/index.ts';
import {
  type JobEvent,
  resume as resumeRun,
  resumeSweep as resumeSweepRun,
  sweep as runSweep,
  type SweepEvent,
  type SweepOutcome,
  type SweepRequest,
  type TrainingResult,
  type TrainRequest,
  train,
} from '../commands/index.ts';
import type { TrackerSink } from '../tracking/index.ts';
import { Job, type JobOptions } from './job.ts';

/** A training: model, data, settings, and where its metrics go. */
export interface FineTuneRequest<T extends TaskName = TaskName> extends TrainRequest<T>, Tracked {}

/** Experiment trackers that get the run. */
export interface Tracked {
  readonly sinks?: readonly TrackerSink[];
}

/** A running training: an async iterable of its events, with a `result`. */
export type Training<T extends TaskName = TaskName> = Job<JobEvent, TrainingResult<T>>;

/**
 * Fine-tunes a pretrained model on labelled images or texts, and writes a run directory with the finished model and a report.
 *
 * @example
 * ```ts
 * import { fineTune } from 'thaw';
 *
 * const training = fineTune({ model: 'model.onnx', data: './images', settings: { epochs: 10 } });
 * for await (const event of training) {
 *   if (event.type === 'epoch') console.log(event.epoch, event.val.accuracy);
 * }
 * const result = await training.result;
 * if (result.status === 'finished') console.log(result.model, result.after.accuracy);
 * ```
 * @returns at once; `result` is rejected with a ThawError for everything that the user can fix
 */
export const fineTune = <T extends TaskName = 'classification'>(
  request: FineTuneRequest<T> & NamedTask<T>,
  options?: JobOptions,
): Training<T> =>
  new Job(async (hooks) => {
    requireRequest(request);
    const { sinks, ...training } = request;
    // The rest of the request is one without trackers.
    return train(training as unknown as TrainRequest<T> & NamedTask<T>, { ...hooks, sinks });
  }, options);

/** A run to continue. */
export interface ResumeRequest<T extends TaskName> extends Tracked {
  /** The run directory. */
  readonly run: string;
  /** The task of the run, which determines the types of the result. Default: `classification`. */
  readonly task?: T;
}

/**
 * Resumes a run at exactly the point where it stopped.
 *
 * @param request the run directory, or an object with the task if it is not classification
 * @example
 * ```ts
 * import { resume } from 'thaw';
 *
 * const result = await resume('runs/images-1').result;
 * console.log(result.status, result.epochs);
 * ```
 * @returns at once; `result` is rejected with a ThawError `run-directory` if the run cannot be resumed
 */
export const resume = <T extends TaskName = 'classification'>(
  request: string | ResumeRequest<T>,
  options?: JobOptions,
): Training<T> =>
  new Job(async (hooks) => {
    const resumed: ResumeRequest<T> = typeof request === 'string' ? { run: request } : request;
    requireRequest(resumed);
    const { run, task = 'classification' as T, sinks } = resumed;
    // The run has this task, or it is an error.
    return (await resumeRun(run, { ...hooks, sinks }, task)) as TrainingResult<T>;
  }, options);

/** A running sweep: an async iterable of its events, with a `result`. */
export type Sweep = Job<SweepEvent, SweepOutcome>;

/**
 * Trains with many combinations of settings, stops bad ones early, and ranks them. The same request resumes a stopped sweep.
 *
 * @example
 * ```ts
 * import { sweep } from 'thaw';
 *
 * const values = { lr: [0.001, 0.003], dropout: [0, 0.3] };
 * const { trials } = await sweep({ model: 'model.onnx', data: './images', try: values }).result;
 * console.log(trials[0].values);
 * ```
 * @returns at once; `result` is rejected with a ThawError for everything that the user can fix, before anything is trained
 */
export const sweep = (request: SweepRequest & Tracked, options?: JobOptions): Sweep =>
  new Job(async (hooks) => {
    requireRequest(request);
    const { sinks, ...swept } = request;
    return runSweep(swept, { ...hooks, sinks });
  }, options);

/**
 * Resumes a sweep.
 *
 * @param folder the folder of the sweep
 * @returns at once; `result` is rejected with a ThawError `run-directory` if there is none
 */
export const resumeSweep = (folder: string, { sinks, ...options }: JobOptions & Tracked = {}): Sweep =>
  new Job((hooks) => resumeSweepRun(folder, { ...hooks, sinks }), options);
