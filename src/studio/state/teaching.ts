/** The training: asks the worker, follows its events, and holds what came out. */
import { computed, signal } from '@preact/signals';
import { ThawError } from '../../errors.ts';
import type { Predicted, RemoteClient, RemoteEvent } from '../../worker/index.ts';
import type { Board } from './board.ts';
import { whatIsMissing } from './classes.ts';
import type { StudioHost } from './host.ts';
import { placeOf } from './problems.ts';
import { follow, isBusy, NO_RUN } from './run.ts';
import { trainSettings } from './settings.ts';
import type { OwnModel, Phase, Result, Run, StudioClass, StudioSettings } from './types.ts';

/** What a training is started with. */
export interface Lesson {
  readonly classes: readonly StudioClass[];
  readonly model: OwnModel | undefined;
  readonly settings: StudioSettings;
}

export interface TeachingHooks {
  readonly board: Board;
  /** The run is worth keeping as it is now. */
  readonly keep: () => void;
  /** An image of the run, by its id. */
  readonly imageOf: (id: string) => Promise<Blob | undefined>;
}

export class Teaching {
  readonly run = signal<Run>(NO_RUN);
  readonly result = signal<Result | undefined>(undefined);
  /** Ids of images that could not be read. */
  readonly unreadable = signal<ReadonlySet<string>>(new Set());
  readonly busy = computed(() => isBusy(this.run.value.phase));
  /** Whether images can be tried: from the first layer that trains on. */
  readonly ready = computed(() => {
    const { phase, opened } = this.run.value;
    return opened !== undefined && phase !== 'idle' && phase !== 'opening' && phase !== 'resting';
  });
  private client: RemoteClient | undefined;
  private finishing: Promise<void> | undefined;
  private unwanted = false;

  constructor(
    private readonly host: StudioHost,
    private readonly hooks: TeachingHooks,
  ) {}

  /** Trains from the start. What is missing or goes wrong is on the board. */
  async start({ classes, model, settings }: Lesson): Promise<void> {
    if (this.busy.value) return;
    const { board } = this.hooks;
    board.clear('images', 'model', 'train', 'try', 'download');
    const missing = whatIsMissing(classes);
    if (missing) return board.show('images', missing);
    const images = classes.flatMap((one, label) => one.images.map(({ id, blob }) => ({ id, blob, label })));
    this.result.value = undefined;
    this.unreadable.value = new Set();
    this.run.value = {
      ...NO_RUN,
      phase: 'opening',
      classes: classes.map(({ name }) => name.trim()),
      images: images.map(({ id, label }) => ({ id, label })),
    };
    await this.work(async (client) => {
      const { model: file, preprocessorConfig, config } = model ?? (await this.host.embedded());
      const opened = await client.open({
        model: file instanceof Blob ? new Uint8Array(await file.arrayBuffer()) : file,
        preprocessorConfig,
        config,
        classes: this.run.value.classes,
        images: images.map((one) => ({ image: one.blob, label: one.label })),
        settings: trainSettings(settings),
        project: this.host.project,
      });
      this.change({ opened, trained: opened.groups.map(() => 0) });
      await this.train(client);
    });
  }

  /**
   * Takes up the run of an earlier visit: one that was finished is made ready to be tried, one that was under way waits for
   * `resume`.
   */
  async restore(run: Run): Promise<void> {
    const { phase } = run;
    if (phase === 'idle' || phase === 'opening' || !run.opened || this.host.project === undefined) return;
    if (phase !== 'done' && phase !== 'interrupted' && phase !== 'finishing') {
      this.run.value = { ...run, phase: 'resting', within: 0 };
      return;
    }
    this.run.value = { ...run, phase: 'finishing' };
    await this.work(async (client) => {
      await client.reopen(this.host.project!);
      await this.finish(client);
    });
  }

  async pause(): Promise<void> {
    await this.client?.pause();
  }

  /** Goes on after a pause, or where an earlier visit ended. */
  async resume(): Promise<void> {
    const { phase, rows } = this.run.value;
    if (phase === 'paused') return this.client?.resume();
    if (phase !== 'resting') return;
    this.hooks.board.clear('train');
    this.change({ phase: 'opening' });
    await this.work(async (client) => {
      const opened = await client.reopen(this.host.project!);
      // The last epoch that was kept may be one before the last that was shown, or one after it.
      this.change({ opened, rows: rows.filter(({ epoch }) => epoch <= opened.epochsDone) });
      await this.train(client);
    });
  }

  /** Ends the training; what was learned until then is the result. */
  async stop(): Promise<void> {
    const { phase } = this.run.value;
    if (phase === 'opening') this.unwanted = true;
    if (phase !== 'training' && phase !== 'paused') return;
    this.change({ phase: 'stopping' });
    await this.client?.stop();
  }

  /** Probabilities by the weights as they are, during a training too. */
  async predict(image: Blob): Promise<Predicted | undefined> {
    // While the model is being measured and exported its sessions are somebody else's.
    await this.finishing;
    if (!this.ready.value) return undefined;
    return (await this.client?.predict([image]))?.[0];
  }

  /** Gives up whatever there is. */
  async reset(): Promise<void> {
    this.client?.terminate();
    this.client = undefined;
    this.run.value = NO_RUN;
    this.result.value = undefined;
    this.unreadable.value = new Set();
    const { project } = this.host;
    if (project !== undefined) await this.started().forget(project);
  }

  // ----------------------------------------------------------------------------------------------------------------

  private started(): RemoteClient {
    if (this.client) return this.client;
    const client = this.host.start();
    this.client = client;
    client.listen((event) => this.client === client && this.take(event));
    client.whenEnded((reason) => {
      if (this.client !== client) return;
      this.client = undefined;
      this.hooks.board.fail('train', reason);
      const kept = this.run.value.rows.length > 0 && this.host.project !== undefined;
      this.change(kept ? { phase: 'resting', within: 0 } : { phase: 'idle', opened: undefined });
    });
    return client;
  }

  /** Runs a task of the training; what it throws is shown, and the page can be used again. */
  private async work(task: (client: RemoteClient) => Promise<void>): Promise<void> {
    const client = this.started();
    this.unwanted = false;
    try {
      await task(client);
    } catch (error) {
      // If it has ended by itself, that has been told; after `reset` it is of no concern.
      if (this.client !== client) return;
      this.hooks.board.fail(placeOf(error), error);
      this.change({ phase: 'idle', opened: undefined });
    }
  }

  private async train(client: RemoteClient): Promise<void> {
    if (this.unwanted) {
      this.change({ phase: 'idle', opened: undefined });
      return client.close();
    }
    this.change({ phase: 'training' });
    const why = await client.train();
    this.change({ why });
    if (this.run.value.rows.length) return this.finish(client);
    // Nothing was learned.
    this.change({ phase: 'idle', opened: undefined });
    await client.close();
  }

  private async finish(client: RemoteClient): Promise<void> {
    this.change({ phase: 'finishing' });
    const { images, classes } = this.run.value;
    const answer = client.finish();
    this.finishing = answer.then(
      () => undefined,
      () => undefined,
    );
    const { files, evaluation, mistakes } = await answer;
    const shown = await Promise.all(
      mistakes.map(async ({ image, ...mistake }) => {
        const blob = await this.hooks.imageOf(images[image].id);
        return blob ? [{ ...mistake, blob }] : [];
      }),
    );
    this.result.value = { classes, evaluation, files, mistakes: shown.flat() };
    this.change({ phase: this.run.value.why === 'interrupted' ? 'interrupted' : 'done' });
  }

  private take(event: RemoteEvent): void {
    if (event.type === 'problem') {
      const image = this.run.value.images[event.image];
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
