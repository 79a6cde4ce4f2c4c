import { wholeOf } from '../bytes.ts';
import type { BatchSource, ImageReader, Preprocessing } from '../data/index.ts';
import { sha256 } from '../digest.ts';
import { ThawError } from '../errors.ts';
import { ownRound, type RoundOutcome } from '../federated/index.ts';
import { readModel } from '../onnx/index.ts';
import type { Runtime } from '../runtime/index.ts';
import {
  type InputFormat,
  inMemory,
  openSession,
  plainSource,
  readSettings,
  refuseSettingsOfRuns,
  type Session,
  type SourcePlatform,
  type TrainSettings,
} from '../session/index.ts';
import type { Assessment, ClassOutcome, Evaluation } from '../tasks/index.ts';
import {
  type Checkpoint,
  FeatureCache,
  readCheckpoint,
  type StopReason,
  type TrainingEvent,
  writeCheckpoint,
} from '../training/index.ts';
import { cardOf } from './card.ts';
import { checkClassNames, datasetOf, refuseOtherTasks, refuseTexts, roundDatasetOf, splitOf } from './dataset.ts';
import type { Port } from './port.ts';
import { keepProject, keptProject } from './projects.ts';
import {
  type Answer,
  type Finished,
  type ImageHandle,
  METHODS,
  type Methods,
  type Opened,
  type OpenRequest,
  type Predicted,
  type RemoteEvent,
  type RemoteRoundRequest,
  type Request,
} from './protocol.ts';
import { describe } from './remote-error.ts';
import type { ProjectStore } from './store.ts';

/** What a platform gives to the training. */
export interface RemotePlatform {
  /** @throws ThawError `device` where a device asked for by name cannot be had */
  runtime(device: TrainSettings['device']): Promise<Runtime>;
  /** Reads images by the names under which they are here. */
  reader(images: ReadonlyMap<string, ImageHandle>): ImageReader;
  /** Megabytes for decoded images, and as many for what the frozen layers make of them, where the settings don't say. */
  readonly cacheMemory?: number;
  /** Bytes that a training that begins now may take, where that is known. */
  memory?(): number;
  /** Where projects are kept, if anywhere. */
  readonly store?: ProjectStore;
}

/** Answers whoever is at the other end of the port, one training at a time. */
export function serve(port: Port, platform: RemotePlatform): void {
  const post = (answer: Answer) => port.post(answer);
  const server = new Server(platform, (event) => post({ event }));
  port.listen(async (message) => {
    const { id, method, parameters } = message as Request;
    try {
      if (!METHODS.includes(method)) throw new Error(`there is no method "${method}"`);
      const run = server[method] as (...parameters: readonly unknown[]) => unknown;
      post({ id, result: await run.apply(server, [...parameters]) });
    } catch (error) {
      post({ id, error: describe(error) });
    }
  });
}

/** A session of images with one class each. */
type ImageSession = Session<ClassOutcome, Evaluation, Assessment>;

/** From where a project continues. */
interface Kept {
  readonly last: Checkpoint;
  readonly best?: Checkpoint;
}

/** What is open. */
interface Open {
  readonly request: OpenRequest;
  readonly session: ImageSession;
}

type Served = {
  readonly [M in keyof Methods]: (...parameters: Parameters<Methods[M]>) => Promise<ReturnType<Methods[M]>>;
};

class Server implements Served {
  private current: Open | undefined;
  private training = false;
  private paused: { readonly resume: () => void; readonly promise: Promise<void> } | undefined;
  private rounding: AbortController | undefined;
  private features: FeatureCache | undefined;
  private unlock: Awaited<ReturnType<ProjectStore['lock']>> | undefined;
  /** Whether checkpoints of what is open are kept. */
  private isKept = false;
  /** What waits for the step under way to end: sessions are not run by two at once. */
  private readonly between: (() => Promise<void>)[] = [];

  constructor(
    private readonly platform: RemotePlatform,
    private readonly emit: (event: RemoteEvent) => void,
  ) {}

  async open(request: OpenRequest): Promise<Opened> {
    const { project } = request;
    await this.close();
    if (project === undefined) return this.begin(request);
    return this.locking(project, async (store) => {
      const opened = await this.begin(request);
      // The division of batches that memory asked for stays when the project is opened again.
      const { batch, accumulate, memory } = this.opened().session.parts.settings;
      const settings = { ...request.settings, batch, accumulate, memory };
      try {
        await keepProject(store, project, { ...request, settings });
        return opened;
      } catch (error) {
        await store.remove(project).catch(() => {});
        const { line } = this.unsaved(error);
        return { ...opened, notices: [...opened.notices, line] };
      }
    });
  }

  async reopen(project: string): Promise<Opened> {
    await this.close();
    return this.locking(project, async (store) => {
      const { request, last, best } = await keptProject(store, project);
      const checkpoint = async (blob: Blob | undefined) =>
        blob && readCheckpoint(new Uint8Array(await blob.arrayBuffer()));
      const going = await checkpoint(last);
      return this.begin(request, going && { last: going, best: await checkpoint(best) });
    });
  }

  async projects(): Promise<readonly string[]> {
    return (await this.platform.store?.projects()) ?? [];
  }

  async forget(project: string): Promise<void> {
    if (this.current?.request.project === project) await this.close();
    const unlock = await this.store.lock(project);
    try {
      await this.store.remove(project);
    } finally {
      await unlock();
    }
  }

  async train(): Promise<StopReason> {
    const { session } = this.opened();
    if (this.training) throw new ThawError('bad-config', 'a training is under way', 'Wait for its end, or stop it');
    this.training = true;
    let why: StopReason = 'finished';
    try {
      for await (const event of session.run()) {
        this.emit(event);
        if (event.type === 'end') why = event.why;
        if (event.type === 'epoch' || event.type === 'end') await this.keep(event);
        await this.breathe();
      }
    } finally {
      this.training = false;
      await this.catchUp();
    }
    return why;
  }

  async pause(): Promise<void> {
    if (this.paused) return;
    let resume = () => {};
    const promise = new Promise<void>((resolve) => {
      resume = resolve;
    });
    this.paused = { resume, promise };
    this.emit({ type: 'paused' });
  }

  async resume(): Promise<void> {
    if (!this.paused) return;
    this.paused.resume();
    this.paused = undefined;
    this.emit({ type: 'resumed' });
  }

  async stop(): Promise<void> {
    this.current?.session.stop();
    this.rounding?.abort();
    await this.resume();
  }

  async predict(images: readonly ImageHandle[]): Promise<readonly Predicted[]> {
    const { session } = this.opened();
    const predictions = await this.whenFree(() => session.predict(this.sourceOf(images, session.parts.format)));
    if (predictions.length < images.length) throw new ThawError('bad-data', 'the image cannot be read');
    return predictions.map(({ predicted, probabilities }) => ({ label: predicted, probabilities: [...probabilities] }));
  }

  async finish(): Promise<Finished> {
    const { session, request } = this.opened();
    const { model, verification, measured } = await this.whenFree(() => session.finish());
    if (!('val' in measured)) throw new ThawError('bad-data', 'no validation image can be read', 'Put them back');
    const { predictions, val: evaluation } = measured;
    const { dataset } = session.parts;
    const mistakes = predictions
      .filter(({ label, predicted }) => label !== predicted)
      .map(({ index, label, predicted, probabilities }) => ({
        image: Number(dataset.val[index].file),
        label,
        predicted,
        probability: probabilities[predicted],
      }))
      .sort((a, b) => b.probability - a.probability);
    const card = cardOf(request, evaluation.accuracy, verification);
    return {
      files: Array.from(model.folder(card), ([name, contents]) => [name, wholeOf(contents)] as const),
      evaluation,
      verification,
      mistakes,
    };
  }

  async round(request: RemoteRoundRequest): Promise<RoundOutcome> {
    if (this.training || this.rounding)
      throw new ThawError('bad-config', 'a training is under way', 'Wait for its end, or stop it');
    const rounding = new AbortController();
    this.rounding = rounding;
    try {
      await this.putAway();
      const { model: encoded, state, evaluateOnly, proximal, measure } = request;
      const settings = { ...request.settings };
      refuseSettingsOfRuns(settings);
      const runtime = await this.platform.runtime(settings.device ?? 'auto');
      const read = readSettings(settings);
      this.features ??= new FeatureCache({ maximumBytes: this.featureBytes(read) });
      const { features } = this;
      const model = () => readModel(encoded);
      const inputs = { model, files: filesOf(request), sha256: await sha256(encoded), settings };
      return await ownRound(
        { ...inputs, state, evaluateOnly, proximal, measure },
        {
          ...this.reading(request, read),
          runtime,
          dataset: async (format, { labels, classes = [] }, own) => {
            refuseTexts(format);
            refuseOtherTasks(labels);
            return splitOf(roundDatasetOf(request, classes), own);
          },
          features: async () => features,
          featureBytes: (own) => this.featureBytes(own),
          signal: rounding.signal,
        },
        {
          onEvent: (event) => event.type !== 'plan' && this.emit(event as TrainingEvent),
          signal: rounding.signal,
        },
      );
    } finally {
      this.rounding = undefined;
    }
  }

  async close(): Promise<void> {
    await this.stop();
    await this.putAway();
  }

  // ----------------------------------------------------------------------------------------------------------------

  private get store(): ProjectStore {
    if (this.platform.store) return this.platform.store;
    throw new ThawError('bad-config', 'there is nowhere to keep projects', 'Open it without a name for the project');
  }

  /** What is open ends. */
  private async putAway(): Promise<void> {
    const { current } = this;
    this.current = undefined;
    await this.whenFree(async () => current?.session.release());
    await this.unlock?.();
    this.unlock = undefined;
  }

  /** Opens a project that no other session has; the lock stays until it is put away. */
  private async locking(project: string, open: (store: ProjectStore) => Promise<Opened>): Promise<Opened> {
    const { store } = this;
    this.unlock = await store.lock(project);
    try {
      return await open(store);
    } catch (error) {
      await this.putAway();
      throw error;
    }
  }

  /** Reports that the project is no longer kept. @throws what is not the storage's fault */
  private unsaved(error: unknown): ThawError {
    if (!(error instanceof ThawError && error.code === 'storage')) throw error;
    this.isKept = false;
    this.emit({ type: 'unsaved', message: error.message, hint: error.hint });
    return error;
  }

  private opened(): Open {
    if (this.current) return this.current;
    throw new ThawError('bad-config', 'nothing is open', 'Open a model and images first');
  }

  private async begin(request: OpenRequest, kept?: Kept): Promise<Opened> {
    const { model: encoded, classes } = request;
    const settings = { ...request.settings };
    refuseSettingsOfRuns(settings);
    checkClassNames(classes);
    const runtime = await this.platform.runtime(settings.device ?? 'auto');
    const dataset = datasetOf(request);
    const notices: string[] = [];
    const { session, recommended, memory } = await openSession(
      { model: readModel(encoded), files: filesOf(request), settings, resume: kept?.last },
      {
        ...this.reading(request, readSettings(settings)),
        runtime,
        dataset: async (format, _, own) => {
          refuseTexts(format);
          return splitOf(dataset, own);
        },
        features: async (own) => new FeatureCache({ maximumBytes: this.featureBytes(own) }),
        featureBytes: (own) => this.featureBytes(own),
        memory: this.platform.memory?.(),
        best: inMemory(kept?.best),
        onEvent: (event) => event.type === 'notice' && notices.push(event.message),
      },
    );
    // One class each, since other tasks are refused.
    this.current = { request, session: session as unknown as ImageSession };
    this.isKept = request.project !== undefined;
    const { parts, plan, stepsPerEpoch } = session;
    return {
      device: runtime.device,
      preprocessing: parts.format as Preprocessing,
      classes,
      groups: parts.anatomy.groups.map(({ name }) => name),
      stages: plan,
      stepsPerEpoch,
      train: parts.dataset.train.length,
      val: parts.dataset.val.length,
      recommended,
      memory,
      notices,
      epochsDone: kept?.last.progress.epoch ?? 0,
    };
  }

  /** @throws ThawError `bad-config` for `disk`: there are no files */
  private featureBytes({ cache, cacheMemory }: Pick<TrainSettings, 'cache' | 'cacheMemory'>): number {
    if (cache === 'disk') throw new ThawError('bad-config', 'cache: disk is for the command line', 'Use memory or off');
    return cache === 'off' ? 0 : (cacheMemory ?? this.platform.cacheMemory ?? 1024) * 2 ** 20;
  }

  /** How the images of a request are read. */
  private reading(
    { images }: Pick<OpenRequest, 'images'>,
    { cacheMemory }: Pick<TrainSettings, 'cacheMemory'>,
  ): SourcePlatform {
    const megabytes = cacheMemory ?? this.platform.cacheMemory;
    return {
      reader: this.platform.reader(new Map(images.map(({ image }, i) => [String(i), image]))),
      imageBytes: megabytes === undefined ? undefined : megabytes * 2 ** 20,
      onProblem: ({ file, reason }) => this.emit({ type: 'problem', image: Number(file), reason }),
    };
  }

  /** Images without labels, read once. */
  private sourceOf(images: readonly ImageHandle[], format: InputFormat): BatchSource {
    const named = new Map(images.map((image, i) => [String(i), image]));
    const samples = [...named.keys()].map((file) => ({ file, label: 0 }));
    return plainSource(samples, format, { reader: this.platform.reader(named) });
  }

  private async keep(event: TrainingEvent): Promise<void> {
    const { request, session } = this.opened();
    const { project } = request;
    if (project === undefined || !this.isKept) return;
    try {
      const best = event.type === 'epoch' && event.best ? await session.bestCheckpoint() : undefined;
      if (best) await this.store.write(project, 'best.safetensors', writeCheckpoint(best));
      await this.store.write(project, 'last.safetensors', writeCheckpoint(await session.checkpoint()));
    } catch (error) {
      this.unsaved(error);
    }
  }

  /** Between two events of a training: others' turn, and the place to be paused in. */
  private async breathe(): Promise<void> {
    // Messages are delivered by tasks, and a training that is nothing but promises would never let one in.
    await new Promise((resolve) => setTimeout(resolve));
    await this.catchUp();
    while (this.paused) {
      await Promise.race([this.paused.promise, new Promise((resolve) => setTimeout(resolve, 50))]);
      await this.catchUp();
    }
  }

  private async catchUp(): Promise<void> {
    for (let task = this.between.shift(); task; task = this.between.shift()) await task();
  }

  private whenFree<T>(task: () => Promise<T>): Promise<T> {
    if (!this.training) return task();
    return new Promise((resolve, reject) => {
      this.between.push(() => task().then(resolve, reject));
    });
  }
}

/** What is around the model, by the names of its files. */
const filesOf = ({
  preprocessorConfig: preprocessing,
  config,
}: Pick<OpenRequest, 'preprocessorConfig' | 'config'>) => ({
  ...{ name: 'the model', source: 'the model given' },
  preprocessing,
  config,
});
