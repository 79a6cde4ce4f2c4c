import { ThawError } from '../errors.ts';
import type { RoundOutcome } from '../federated/index.ts';
import {
  callable,
  type ExplainOptions,
  type Explanation,
  type LoadedModel,
  type NamedTask,
  type RankedPrediction,
  type TopOptions,
} from '../session/index.ts';
import type { Prediction, TaskName } from '../tasks/index.ts';
import type { StopReason } from '../training/index.ts';
import { Calls } from './calls.ts';
import { type FolderFiles, withFolder } from './model-files.ts';
import type { Port } from './port.ts';
import type {
  ExpectedTask,
  Finished,
  ImageHandle,
  InputHandle,
  LabelIssue,
  LoadRequest,
  ModelRequest,
  Opened,
  OpenRequest,
  RemoteEvent,
  RemoteRoundRequest,
  ReportOptions,
} from './protocol.ts';

/** A model as a program has it: an `.onnx` file's bytes, or the files of a folder. */
export type ModelSource = Uint8Array | FolderFiles;

/**
 * A client of a worker, a thread or a utility process, which trains one model at a time. If the other side ends, calls are rejected with
 * the reason.
 *
 * @typeParam I an image @typeParam M a model, both as the platform has them
 */
export interface RemoteClient<I = ImageHandle, M = ModelSource> {
  /**
   * Opens a model and samples for a training, in place of the open one. The types of its results follow from `task`.
   *
   * @throws ThawError for everything that the user can fix
   */
  open<T extends TaskName = 'classification'>(
    request: OpenRequest<T, I, M> & NamedTask<T>,
  ): Promise<RemoteTraining<T, I>>;
  /** Opens a kept project to continue it. @throws ThawError `not-found`, or `bad-config` if it has another task */
  reopen<T extends TaskName = 'classification'>(
    project: string,
    options?: ExpectedTask<T>,
  ): Promise<RemoteTraining<T, I>>;
  /** Names of the projects that are kept. */
  projects(): Promise<readonly string[]>;
  /** Removes a project. */
  forget(project: string): Promise<void>;
  /** Trains a round of a federation, and closes the open training. @throws AbortError if the signal stops it */
  round<T extends TaskName = TaskName>(
    request: RemoteRoundRequest<T, I, M>,
    options?: { readonly signal?: AbortSignal },
  ): Promise<RoundOutcome>;
  /** Loads a finished model to predict with. It stays loaded whatever is trained. */
  loadModel<T extends TaskName = 'classification'>(request: LoadRequest<T, M>): Promise<LoadedModel<T, I | string>>;
  /** Calls `take` with every event, until the returned function is called. */
  listen(take: (event: RemoteEvent) => void): () => void;
  /** Calls `take` with the reason if the other side ends without being asked to, whether or not a call waits. */
  whenEnded(take: (reason: Error) => void): void;
  /** Ends the other side without waiting. */
  terminate(): void;
}

/** A training that is open at the other side, until `close` or another `open`, `reopen` or `round`. */
export interface RemoteTraining<T extends TaskName = TaskName, I = ImageHandle> {
  readonly opened: Opened<T>;
  /** Trains to the end or until stopped. Its events come to `listen`. */
  train(): Promise<StopReason>;
  /** Pauses after the step under way. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Ends the training after the step under way. */
  stop(): Promise<void>;
  /**
   * Predictions of images or texts by the current weights, also during the training.
   *
   * @throws ThawError `bad-data` if an image cannot be read
   */
  predict(inputs: readonly (I | string)[]): Promise<readonly Prediction<T>[]>;
  predict(inputs: readonly (I | string)[], options: TopOptions): Promise<readonly RankedPrediction<T>[]>;
  /**
   * Maps of the parts of images that speak for their predictions by the current weights, also during the training.
   *
   * @throws ThawError `bad-model` or `bad-config` if the model or the method gives no map
   */
  explain(inputs: readonly I[], options?: ExplainOptions): Promise<readonly Explanation[]>;
  /**
   * Samples whose labels are probably wrong, the least plausible label first: a classifier over the pretrained model's features that did not
   * learn from the sample contradicts its label. Predictions run in between.
   *
   * @throws ThawError `bad-config` if the task has no classes, during a training, or if `stop`, `close` or another `open` ends it; `bad-model` if
   *   the model has no head; `bad-data` if there are more than two million pairs of samples and classes
   */
  labelIssues(): Promise<readonly LabelIssue[]>;
  /** Exports and measures the best weights. */
  finish(): Promise<Finished<T>>;
  /**
   * The report of the finished model: one HTML page without scripts, which loads nothing. Call `finish` first.
   *
   * @throws ThawError `bad-config` if the training is not finished
   */
  report(options?: ReportOptions): Promise<string>;
  close(): Promise<void>;
}

/** How images and models of a platform are sent. */
export interface Sending<I, M> {
  /** Images; texts are sent unchanged. */
  inputs(inputs: readonly (I | string)[]): Promise<readonly InputHandle[]>;
  /** The model, with the files next to it. */
  model<R extends ModelRequest<M>>(request: R): Promise<Omit<R, 'model'> & ModelRequest>;
}

/** Images are sent unchanged, and models as bytes. */
export const asGiven: Sending<ImageHandle, ModelSource> = {
  inputs: async (inputs) => inputs,
  model: async ({ model, ...rest }) => (model instanceof Uint8Array ? { ...rest, model } : withFolder(rest, model)),
};

/** @throws ThawError `bad-data` if they are not a list of objects; more is known once the model is read */
function checkSamples(samples: unknown): void {
  const hint = "Give samples: [{ image, label: 'cat' }, …]";
  if (!Array.isArray(samples)) throw new ThawError('bad-data', 'there are no samples', hint);
  const wrong = samples.findIndex((sample) => typeof sample !== 'object' || sample === null);
  if (wrong >= 0) throw new ThawError('bad-data', `samples[${wrong}] is not a sample`, hint);
}

/** A client of the server at the other end of the port. */
export function connect(port: Port): RemoteClient;
export function connect<I, M>(port: Port, sending: Sending<I, M>): RemoteClient<I, M>;
export function connect<I, M>(
  port: Port,
  // Without it, types are those of the first signature.
  sending = asGiven as unknown as Sending<I, M>,
): RemoteClient<I, M> {
  const calls = new Calls(port);
  const { ask } = calls;
  /** Of the training or round that was asked for last; training handles of earlier ones are closed. */
  let latest = 0;
  let sent: Promise<unknown> = Promise.resolve();
  /** Requests that need preparation are sent in the order of the calls. */
  const inTurn = <R>(prepare: () => Promise<R>): Promise<R> => {
    const next = sent.then(prepare);
    sent = next.catch(() => undefined);
    return next;
  };
  const withHandles = async <R extends ModelRequest<M> & { readonly samples: readonly { readonly image?: I }[] }>(
    request: R,
  ) => {
    checkSamples(request.samples);
    const { samples, ...rest } = await sending.model(request);
    const images = await sending.inputs(samples.flatMap(({ image }) => (image === undefined ? [] : [image])));
    let next = 0;
    return {
      ...rest,
      samples: samples.map((sample) => (sample.image === undefined ? sample : { ...sample, image: images[next++] })),
    };
  };
  const handles = (inputs: readonly (I | string)[]) => inTurn(() => sending.inputs(inputs));
  const training = <T extends TaskName>(opened: Opened, turn: number): RemoteTraining<T, I> => {
    const whileOpen = async <R>(call: () => Promise<R>): Promise<R> => {
      if (latest === turn) return call();
      throw new ThawError('bad-config', 'this training is closed', 'Use the one that was opened last, or reopen it');
    };
    return {
      // Its task was asked for, or checked.
      opened: opened as Opened<T>,
      train: () => whileOpen(() => ask('train')),
      pause: () => whileOpen(() => ask('pause')),
      resume: () => whileOpen(() => ask('resume')),
      stop: () => whileOpen(() => ask('stop')),
      predict: async (inputs: readonly (I | string)[], options: Partial<TopOptions> = {}) => {
        const sendable = await handles(inputs);
        return whileOpen(() => ask('predict', sendable, options)) as Promise<readonly never[]>;
      },
      explain: async (inputs, options = {}) => {
        const sendable = await handles(inputs);
        return whileOpen(() => ask('explain', sendable, options));
      },
      labelIssues: () => whileOpen(() => ask('labelIssues')),
      finish: () => whileOpen(() => ask('finish')) as Promise<Finished<T>>,
      report: (options = {}) => whileOpen(() => ask('report', options)),
      close: () =>
        whileOpen(() => {
          latest++;
          return ask('close');
        }),
    };
  };
  return {
    open: async (request) => {
      const sendable = await inTurn(() => withHandles(request));
      const turn = ++latest;
      // Its samples are handles now.
      return training(await ask('open', sendable as unknown as OpenRequest), turn);
    },
    reopen: async (project, { task = 'classification' as const } = {}) => {
      const turn = ++latest;
      return training(await ask('reopen', project, { task }), turn);
    },
    projects: () => ask('projects'),
    forget: (project) => ask('forget', project),
    round: async (request, { signal } = {}) => {
      const sendable = await inTurn(() => withHandles(request));
      signal?.throwIfAborted();
      latest++;
      const stop = () => void ask('stop').catch(() => undefined);
      signal?.addEventListener('abort', stop, { once: true });
      try {
        return await ask('round', sendable as unknown as RemoteRoundRequest);
      } finally {
        signal?.removeEventListener('abort', stop);
      }
    },
    loadModel: async <T extends TaskName = 'classification'>(request: LoadRequest<T, M>) => {
      const task = request.task ?? ('classification' as T);
      const { id, labels } = await ask('load', { ...(await inTurn(() => sending.model(request))), task });
      return callable<T, I | string>({
        task,
        labels,
        predict: async (inputs, options) => ask('predictLoaded', id, await handles(inputs), options),
        explain: async (inputs, options) => ask('explainLoaded', id, await handles(inputs), options),
        dispose: () => ask('unload', id),
      });
    },
    listen: calls.listen,
    whenEnded: calls.whenEnded,
    terminate: calls.terminate,
  };
}
