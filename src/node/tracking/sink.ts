import { ThawError } from '../../errors.ts';

/** Experiment trackers. A tracker is a sink with a few methods; MLflow's is one of them. */

/** A sweep, under which a tracker can group its trials. */
export interface TrackedSweep {
  readonly name: string;
  /** Random. */
  readonly key: string;
}

/** A run, for trackers. Plain data. */
export interface TrackedRun {
  /** Name of the run directory. */
  readonly name: string;
  /** The run directory, absolute. */
  readonly path: string;
  /** The resolved settings, with the model and the data. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Facts about the run, such as its task. */
  readonly tags: Readonly<Record<string, string>>;
  /** The sweep, if the run is one of its trials. */
  readonly sweep?: TrackedSweep;
  /** Random. The same if Thaw calls `start` again because it failed, so that a tracker does not create a run twice. */
  readonly key: string;
  /** The result of `start` when the run began, if the run resumes. */
  readonly id?: string;
}

/** Metrics at an epoch: `train/loss`, `val/accuracy`, `lr`, … At the end also `final/val/…` and `final/test/…` of the finished model. */
export interface TrackedMetrics {
  /** Counted from 1 over the whole run. */
  readonly epoch: number;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly values: Readonly<Record<string, number>>;
}

/** A file of the run directory. */
export interface TrackedFile {
  /** Path in the run directory, with slashes: `report.html`, `model/onnx/model.onnx`. */
  readonly name: string;
  /** Absolute. */
  readonly path: string;
}

/** `interrupted`: saved, can resume. */
export type TrackedStatus = 'finished' | 'interrupted' | 'failed';

/**
 * An experiment tracker. Thaw calls one method at a time, in this order, and never waits for them while it trains. If a method fails, Thaw calls
 * it again later; nothing that a tracker does stops a training.
 */
export interface TrackerSink {
  /** Names the tracker in notices, and its id in the run directory. */
  readonly name: string;
  /** Starts or resumes a run. @returns the tracker's id of the run, which Thaw stores in the run directory */
  start(run: TrackedRun): Promise<string | undefined> | string | undefined;
  /** Metrics of one or more epochs, in order. */
  metrics(rows: readonly TrackedMetrics[]): Promise<void> | void;
  /** The files of a finished run. */
  artifacts?(files: readonly TrackedFile[]): Promise<void> | void;
  /** Ends the run. */
  end(status: TrackedStatus): Promise<void> | void;
}

/** @throws ThawError `bad-config` if a caller in JavaScript, or a config file, gives something else */
export function checkSinks(sinks: unknown): asserts sinks is readonly TrackerSink[] {
  const isSink = (sink: unknown) =>
    ['start', 'metrics', 'end'].every((name) => typeof (sink as Record<string, unknown>)?.[name] === 'function') &&
    typeof (sink as TrackerSink).name === 'string';
  if (Array.isArray(sinks) && sinks.every(isSink)) return;
  throw new ThawError(
    'bad-config',
    'sinks is not a list of trackers',
    'A tracker has a name, and the methods start, metrics and end. Write it in a thaw.config.ts or thaw.config.js',
  );
}

/** The tracker refuses a request, and would refuse it again. */
export class TrackerRefusal extends Error {}
