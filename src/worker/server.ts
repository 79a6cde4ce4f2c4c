import { sha256 } from '../digest.ts';
import { ThawError } from '../errors.ts';
import { ownRound, type RoundOutcome } from '../federated/index.ts';
import { readModel } from '../onnx/index.ts';
import {
  checkTask,
  type ExplainOptions,
  type Explanation,
  openFeatures,
  readSettings,
  refuseSettingsOfRuns,
  settingsOf,
  type TopOptions,
} from '../session/index.ts';
import type { Prediction } from '../tasks/index.ts';
import { type FeatureCache, readCheckpoint, type StopReason, writeCheckpoint } from '../training/index.ts';
import { LoadedModels } from './loaded.ts';
import type { RemotePlatform } from './platform.ts';
import type { Port } from './port.ts';
import { keepProject, keptProject } from './projects.ts';
import {
  type Answer,
  type ExpectedTask,
  type Finished,
  type InputHandle,
  type LabelIssue,
  type Loaded,
  type LoadRequest,
  METHODS,
  type Methods,
  type Opened,
  type OpenRequest,
  type RemoteEvent,
  type RemoteRoundRequest,
  type ReportOptions,
  type Request,
} from './protocol.ts';
import { checkInputs, checkSamples, featureBytesOf, filesOf, samplesReading } from './reading.ts';
import { describe } from './remote-error.ts';
import type { ProjectStore } from './store.ts';
import { type Kept, OpenTraining } from './training.ts';
import { Turns } from './turns.ts';

/** Answers the client at the other end of the port, which trains one model at a time. */
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

type Served = {
  readonly [M in keyof Methods]: (...parameters: Parameters<Methods[M]>) => Promise<ReturnType<Methods[M]>>;
};

class Server implements Served {
  private readonly turns = new Turns();
  private readonly models: LoadedModels;
  private current: OpenTraining | undefined;
  private rounding: AbortController | undefined;
  /** Of the search for wrong labels. */
  private checking: AbortController | undefined;
  /** Of rounds, which follow each other. */
  private features: FeatureCache | undefined;
  private unlock: Awaited<ReturnType<ProjectStore['lock']>> | undefined;
  /** Whether checkpoints of the open training are kept. */
  private isKept = false;

  constructor(
    private readonly platform: RemotePlatform,
    private readonly emit: (event: RemoteEvent) => void,
  ) {
    this.models = new LoadedModels(platform, this.turns, emit);
  }

  async open(request: OpenRequest): Promise<Opened> {
    const { project } = request;
    checkSamples(request.samples, this.platform);
    await this.close();
    if (project === undefined) return (await this.begin(request)).opened;
    return this.locking(project, async (store) => {
      const { session, opened } = await this.begin(request);
      // A batch that memory has divided stays divided when the project is reopened.
      const { batch, accumulate, memory } = session.parts.settings;
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

  async reopen(project: string, { task = 'classification' }: ExpectedTask): Promise<Opened> {
    await this.close();
    return this.locking(project, async (store) => {
      const { request, last, best } = await keptProject(store, project);
      const checkpoint = async (blob: Blob | undefined) =>
        blob && readCheckpoint(new Uint8Array(await blob.arrayBuffer()));
      checkTask(task, settingsOf(request).task ?? 'classification');
      const newest = await checkpoint(last);
      const { opened } = await this.begin(request, newest && { last: newest, best: await checkpoint(best) });
      return opened;
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
    const training = this.opened();
    return this.turns.during(async () => {
      let why: StopReason = 'finished';
      for await (const event of training.run()) {
        this.emit(event);
        if (event.type === 'end') why = event.why;
        if (event.type === 'epoch' || event.type === 'end')
          await this.keep(training, event.type === 'epoch' && event.best);
        await this.turns.giveWay();
      }
      return why;
    });
  }

  async pause(): Promise<void> {
    if (this.turns.pause()) this.emit({ type: 'paused' });
  }

  async resume(): Promise<void> {
    if (this.turns.resume()) this.emit({ type: 'resumed' });
  }

  async stop(): Promise<void> {
    this.current?.session.stop();
    this.rounding?.abort();
    this.checking?.abort(new ThawError('bad-config', 'the search for wrong labels was stopped', 'Search again'));
    await this.resume();
  }

  async predict(inputs: readonly InputHandle[], options: Partial<TopOptions>): Promise<readonly Prediction[]> {
    const training = this.opened();
    checkInputs(inputs, training.opened.noun, this.platform);
    return this.turns.run(() => training.predict(inputs, options));
  }

  async explain(inputs: readonly InputHandle[], options: ExplainOptions): Promise<readonly Explanation[]> {
    const training = this.opened();
    checkInputs(inputs, training.opened.noun, this.platform);
    return this.turns.run(() => training.explain(inputs, options));
  }

  async labelIssues(): Promise<readonly LabelIssue[]> {
    const training = this.opened();
    this.turns.refuseJob();
    const checking = new AbortController();
    this.checking = checking;
    const { signal } = checking;
    return this.turns.during(() => training.labelIssues({ giveWay: () => this.turns.giveWay(), signal }));
  }

  async finish(): Promise<Finished> {
    const training = this.opened();
    // It takes the sessions that the training's next step needs.
    this.turns.refuseJob();
    return this.turns.run(() => training.finish());
  }

  async report(options: ReportOptions): Promise<string> {
    const training = this.opened();
    // Its mistakes are explained.
    return this.turns.run(() => training.report(options));
  }

  async round(request: RemoteRoundRequest): Promise<RoundOutcome> {
    checkSamples(request.samples, this.platform);
    this.turns.refuseJob();
    const rounding = new AbortController();
    this.rounding = rounding;
    try {
      return await this.turns.during(async () => {
        await this.putAway();
        return this.trainRound(request, rounding.signal);
      });
    } finally {
      this.rounding = undefined;
    }
  }

  async close(): Promise<void> {
    await this.stop();
    await this.turns.whenIdle();
    await this.turns.run(() => this.putAway());
  }

  load(request: LoadRequest): Promise<Loaded> {
    return this.models.load(request);
  }

  predictLoaded(
    id: number,
    inputs: readonly InputHandle[],
    options: Partial<TopOptions>,
  ): Promise<readonly Prediction[]> {
    return this.models.predict(id, inputs, options);
  }

  explainLoaded(id: number, inputs: readonly InputHandle[], options: ExplainOptions): Promise<readonly Explanation[]> {
    return this.models.explain(id, inputs, options);
  }

  unload(id: number): Promise<void> {
    return this.models.unload(id);
  }

  // ----------------------------------------------------------------------------------------------------------------

  private get store(): ProjectStore {
    if (this.platform.store) return this.platform.store;
    throw new ThawError('bad-config', 'there is nowhere to keep projects', 'Open it without a name for the project');
  }

  private opened(): OpenTraining {
    if (this.current) return this.current;
    throw new ThawError('bad-config', 'nothing is open', 'Open a model and samples first');
  }

  private async begin(request: OpenRequest, kept?: Kept): Promise<OpenTraining> {
    const training = await this.turns.run(() => OpenTraining.open(request, this.platform, this.emit, kept));
    this.current = training;
    this.isKept = request.project !== undefined;
    return training;
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

  /** Gives back the open training and its project. */
  private async putAway(): Promise<void> {
    const { current, unlock } = this;
    this.current = undefined;
    this.unlock = undefined;
    await current?.release();
    await unlock?.();
  }

  /** Keeps the training's checkpoint. @param isBest whether its weights are the best so far */
  private async keep({ request: { project }, session }: OpenTraining, isBest: boolean): Promise<void> {
    if (project === undefined || !this.isKept) return;
    try {
      const best = isBest ? await session.bestCheckpoint() : undefined;
      if (best) await this.store.write(project, 'best.safetensors', writeCheckpoint(best));
      await this.store.write(project, 'last.safetensors', writeCheckpoint(await session.checkpoint()));
    } catch (error) {
      this.unsaved(error);
    }
  }

  /** Reports that the project is no longer kept. @throws any error that is not the storage's */
  private unsaved(error: unknown): ThawError {
    if (!(error instanceof ThawError && error.code === 'storage')) throw error;
    this.isKept = false;
    this.emit({ type: 'unsaved', message: error.message, hint: error.hint });
    return error;
  }

  private async trainRound(request: RemoteRoundRequest, signal: AbortSignal): Promise<RoundOutcome> {
    const { platform, emit } = this;
    const { model: encoded, state, evaluateOnly, proximal, measure } = request;
    const settings = settingsOf(request);
    refuseSettingsOfRuns(settings);
    const runtime = await platform.runtime(settings.device ?? 'auto');
    // The state says the task, without which the other settings cannot be read.
    const { cache, cacheMemory } = settings;
    const read = readSettings({ cache, cacheMemory });
    this.features ??= await openFeatures(featureBytesOf(platform), read);
    const { features } = this;
    const inputs = {
      ...{ model: () => readModel(encoded), files: filesOf(request), sha256: await sha256(encoded), settings },
      ...{ state, evaluateOnly, proximal, measure },
    };
    return ownRound(
      inputs,
      {
        ...samplesReading(request.samples, read, platform, emit),
        features: async () => features,
        runtime,
        signal,
        onEvent: emit,
      },
      { onEvent: (event) => event.type !== 'plan' && emit(event), signal },
    );
  }
}
