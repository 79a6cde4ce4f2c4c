/** The training: asks the worker, follows its events, and holds the result. */
import { computed, signal } from '@preact/signals';
import { ThawError } from '../../errors.ts';
import type { Explanation, LoadedModel } from '../../session/index.ts';
import type { Prediction } from '../../tasks/index.ts';
import type { ImageHandle, RemoteClient, RemoteEvent, RemoteTraining } from '../../worker/index.ts';
import type { Board } from './board.ts';
import { learnedOf, whatIsMissing } from './classes.ts';
import { CHECKED_UNASKED } from './doubts.ts';
import type { StudioHost } from './host.ts';
import { placeOf } from './problems.ts';
import { follow, isBusy, NO_RUN } from './run.ts';
import { scoreOf } from './score.ts';
import { trainSettings } from './settings.ts';
import type { OwnModel, Phase, Result, Run, StudioClass, StudioSettings } from './types.ts';

/** The input of a training. */
export interface Lesson {
  readonly classes: readonly StudioClass[];
  readonly model: OwnModel | undefined;
  readonly settings: StudioSettings;
}

export interface TeachingHooks {
  readonly board: Board;
  /** The current state of the run is worth keeping. */
  readonly keep: () => void;
  /** Name under which the worker keeps the training; undefined if the browser keeps nothing. */
  readonly project: () => string | undefined;
  /** What the images are called in the report. */
  readonly dataName: () => string;
  /** An image of the run, by its id. */
  readonly imageOf: (id: string) => Promise<Blob | undefined>;
}

export class Teaching {
  readonly run = signal<Run>(NO_RUN);
  readonly result = signal<Result | undefined>(undefined);
  /** Ids of images that could not be read. */
  readonly unreadable = signal<ReadonlySet<string>>(new Set());
  readonly busy = computed(() => isBusy(this.run.value.phase));
  /** Whether the classes of the images are being checked. */
  readonly checking = signal(false);
  /** Whether images can be tried: once the first layer trains. */
  readonly ready = computed(() => {
    const { phase, opened } = this.run.value;
    return opened !== undefined && phase !== 'idle' && phase !== 'opening' && phase !== 'resting';
  });
  private client: RemoteClient | undefined;
  private training: RemoteTraining<'classification'> | undefined;
  /** The finished model. */
  private model: LoadedModel<'classification', ImageHandle> | undefined;
  private finishing: Promise<void> | undefined;
  private unwanted = false;

  constructor(
    private readonly host: StudioHost,
    private readonly hooks: TeachingHooks,
  ) {}

  /** Trains from the start. The board shows missing input and errors. */
  async start({ classes, model, settings }: Lesson): Promise<void> {
    if (this.busy.value) return;
    const { board } = this.hooks;
    board.clear('images', 'model', 'train', 'try', 'doubts', 'download');
    const missing = whatIsMissing(classes);
    if (missing) return board.show('images', missing);
    const images = classes.flatMap(({ name, images }) =>
      images.map(({ id, blob }) => ({ id, blob, label: name.trim() })),
    );
    this.forgetTraining();
    this.run.value = {
      ...NO_RUN,
      phase: 'opening',
      classes: learnedOf(classes).map(({ name }) => name.trim()),
      images: images.map(({ id, label }) => ({ id, label })),
    };
    await this.work(async (client) => {
      const { model: file, name, ...around } = model ?? (await this.host.embedded());
      const training = await client.open({
        ...around,
        name: name?.replace(/\.onnx$/i, ''),
        model: file instanceof Blob ? new Uint8Array(await file.arrayBuffer()) : file,
        classes: this.run.value.classes,
        samples: images.map(({ blob: image, label }) => ({ image, label })),
        settings: trainSettings(settings),
        project: this.hooks.project(),
        dataName: this.hooks.dataName(),
      });
      const { opened } = training;
      this.change({ opened, trained: opened.groups.map(() => 0) });
      await this.train(training);
    });
  }

  /** Restores the run of an earlier visit: a finished one can be tried, and an interrupted one waits for `resume`. */
  async restore(run: Run): Promise<void> {
    const { phase } = run;
    if (phase === 'idle' || phase === 'opening' || !run.opened || this.hooks.project() === undefined) return;
    if (phase !== 'done' && phase !== 'interrupted' && phase !== 'finishing') {
      this.run.value = { ...run, phase: 'resting', within: 0 };
      return;
    }
    this.run.value = { ...run, phase: 'finishing' };
    await this.work(async (client) => {
      await this.finish(await client.reopen(this.hooks.project()!));
    });
  }

  async pause(): Promise<void> {
    await this.training?.pause();
  }

  /** Continues after a pause, or where an earlier visit ended. */
  async resume(): Promise<void> {
    const { phase, rows } = this.run.value;
    if (phase === 'paused') return this.training?.resume();
    if (phase !== 'resting') return;
    this.hooks.board.clear('train');
    this.change({ phase: 'opening' });
    await this.work(async (client) => {
      const training = await client.reopen(this.hooks.project()!);
      const { opened } = training;
      // The last epoch that was kept may be one before the last that was shown, or one after it.
      this.change({ opened, rows: rows.filter(({ epoch }) => epoch <= opened.epochsDone) });
      await this.train(training);
    });
  }

  /** Ends the training; the result is the best model so far. */
  async stop(): Promise<void> {
    const { phase } = this.run.value;
    if (phase === 'opening') this.unwanted = true;
    if (phase !== 'training' && phase !== 'paused') return;
    this.change({ phase: 'stopping' });
    await this.training?.stop();
  }

  /** Probabilities by the finished model, or by the current weights during a training. */
  async predict(image: Blob): Promise<Prediction<'classification'> | undefined> {
    // While the model is measured and exported, its sessions are in use.
    await this.finishing;
    if (!this.ready.value) return undefined;
    return this.model ? this.model(image) : (await this.training?.predict([image]))?.[0];
  }

  /** The parts of an image that speak for the finished model's answer; undefined if there is no finished model. */
  async explain(image: Blob): Promise<Explanation | undefined> {
    return this.model?.explain(image);
  }

  /** The report of the result, as one HTML page. @param thumbnails small images as `data:` URLs, by their places in the run */
  async report(thumbnails: ReadonlyMap<number, string>): Promise<string | undefined> {
    return this.training?.report({ thumbnails });
  }

  /** Looks for images that are probably in the wrong class. */
  async checkClasses(): Promise<void> {
    const { training } = this;
    if (!training || this.busy.value || this.checking.value) return;
    this.checking.value = true;
    try {
      const found = await training.labelIssues();
      if (this.training !== training) return;
      const { images } = this.run.value;
      this.change({ doubts: found.map(({ sample, ...doubt }) => ({ image: images[sample].id, ...doubt })) });
    } catch (error) {
      if (this.training === training) this.hooks.board.fail('doubts', error);
    } finally {
      if (this.training === training) this.checking.value = false;
    }
  }

  /** Leaves the training. What the worker keeps of it stays. */
  leave(): void {
    this.client?.terminate();
    this.client = undefined;
    this.run.value = NO_RUN;
    this.forgetTraining();
  }

  /** Removes trainings that the worker keeps. */
  async forget(isUnwanted: (project: string) => boolean): Promise<void> {
    if (!this.host.keeps) return;
    const client = this.started();
    for (const project of (await client.projects()).filter(isUnwanted)) await client.forget(project);
  }

  // ----------------------------------------------------------------------------------------------------------------

  private forgetTraining(): void {
    // If the worker is gone, so is the model.
    this.model?.dispose().catch(() => undefined);
    this.model = undefined;
    this.training = undefined;
    this.finishing = undefined;
    this.checking.value = false;
    this.result.value = undefined;
    this.unreadable.value = new Set();
  }

  private started(): RemoteClient {
    if (this.client) return this.client;
    const client = this.host.start();
    this.client = client;
    client.listen((event) => this.client === client && this.take(event));
    client.whenEnded((reason) => {
      if (this.client !== client) return;
      this.client = undefined;
      this.training = undefined;
      this.hooks.board.fail('train', reason);
      const kept = this.run.value.rows.length > 0 && this.hooks.project() !== undefined;
      this.change(kept ? { phase: 'resting', within: 0 } : { phase: 'idle', opened: undefined });
    });
    return client;
  }

  /** Runs a task of the training. Its errors are shown, and the page can be used again. */
  private async work(task: (client: RemoteClient) => Promise<void>): Promise<void> {
    const client = this.started();
    this.unwanted = false;
    try {
      await task(client);
    } catch (error) {
      // If it has ended, `whenEnded` has reported it; after `reset` it is of no concern.
      if (this.client !== client) return;
      this.hooks.board.fail(placeOf(error), error);
      this.change({ phase: 'idle', opened: undefined });
    }
  }

  private async train(training: RemoteTraining<'classification'>): Promise<void> {
    this.training = training;
    if (this.unwanted) {
      this.change({ phase: 'idle', opened: undefined });
      return training.close();
    }
    this.change({ phase: 'training' });
    const why = await training.train();
    this.change({ why });
    if (this.run.value.rows.length) return this.finish(training);
    // Nothing was learned.
    this.change({ phase: 'idle', opened: undefined });
    await training.close();
  }

  private async finish(training: RemoteTraining<'classification'>): Promise<void> {
    this.training = training;
    this.change({ phase: 'finishing' });
    const { images, classes } = this.run.value;
    const finished = this.finished(training, this.started());
    this.finishing = finished.then(
      () => undefined,
      () => undefined,
    );
    const { files, evaluation, mistakes, unknown, model } = await finished;
    if (this.training !== training) return;
    this.model = model;
    if (!evaluation)
      throw new ThawError('bad-data', 'no image that was held back can be read', 'Replace them, and train again');
    const shown = await Promise.all(
      mistakes.map(async ({ sample, ...mistake }) => {
        const blob = await this.hooks.imageOf(images[sample].id);
        return blob ? [{ sample, ...mistake, blob }] : [];
      }),
    );
    const score = scoreOf(evaluation.confusion);
    this.result.value = { classes, evaluation, score, unknown, files, mistakes: shown.flat() };
    this.change({ phase: this.run.value.why === 'interrupted' ? 'interrupted' : 'done' });
    if (!this.run.value.doubts && images.length <= CHECKED_UNASKED) void this.checkClasses();
  }

  /** Finishes a training, and loads its model as users get it. */
  private async finished(training: RemoteTraining<'classification'>, client: RemoteClient) {
    const finished = await training.finish();
    const settings = { unknown: finished.unknown !== null };
    return { ...finished, model: await client.loadModel({ model: finished.files, settings }) };
  }

  private take(event: RemoteEvent): void {
    if (event.type === 'problem') {
      const image = this.run.value.images[event.sample];
      if (image) this.unreadable.value = new Set([...this.unreadable.value, image.id]);
      return;
    }
    if (event.type === 'unsaved') {
      const { message, hint } = event;
      this.hooks.board.fail('train', new ThawError('storage', message, hint));
      return;
    }
    this.run.value = follow(this.run.value, event);
    if (event.type === 'epoch') this.hooks.keep();
  }

  private change(changes: Partial<Run> & { readonly phase?: Phase }): void {
    this.run.value = { ...this.run.value, ...changes };
    this.hooks.keep();
  }
}
