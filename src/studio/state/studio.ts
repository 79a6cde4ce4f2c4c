/** All that the page knows and can do. Components read its signals and call its methods; nothing else holds state that matters. */
import { computed, signal } from '@preact/signals';
import { Board } from './board.ts';
import { countImages, renamed, withClass, withImages, withoutClass, withoutImage } from './classes.ts';
import { type Draft, readDraft, readImage, removeImages, writeImages, writeModel, writeOutline } from './draft.ts';
import type { StudioHost } from './host.ts';
import { problemOf } from './problems.ts';
import { EMBEDDED_SETTINGS, OWN_SETTINGS } from './settings.ts';
import type { Shelf } from './shelf.ts';
import { Teaching } from './teaching.ts';
import type { OwnModel, StudioClass, StudioImage, StudioSettings } from './types.ts';

/** Two empty classes to start with. */
const beginning = (): readonly StudioClass[] => withClass(withClass([], '1'), '2');

/** Milliseconds in which changes are gathered before they are kept. */
const SAVE_AFTER = 200;

export class Studio {
  readonly board = new Board();
  readonly teaching: Teaching;
  readonly classes = signal(beginning());
  /** Undefined for the embedded one. */
  readonly model = signal<OwnModel | undefined>(undefined);
  readonly settings = signal(EMBEDDED_SETTINGS);
  readonly images = computed(() => countImages(this.classes.value));
  /** Whether classes or images are others than those of the run. */
  readonly changed = computed(() => {
    const { classes, images } = this.teaching.run.value;
    const now = this.classes.value;
    const shown = now.flatMap((one) => one.images.map(({ id }) => [id, one.name.trim()]));
    const trained = images.map(({ id, label }) => [id, label]);
    return (
      classes.join('\n') !== now.map(({ name }) => name.trim()).join('\n') ||
      JSON.stringify(shown) !== JSON.stringify(trained)
    );
  });
  /** Where images that are pasted go, when no class has the focus. */
  private last: string | undefined;
  private nextId = 3;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private saving: Promise<void> = Promise.resolve();

  constructor(
    private readonly shelf: Shelf,
    host: StudioHost,
  ) {
    this.teaching = new Teaching(host, {
      board: this.board,
      keep: () => this.saveNow(),
      imageOf: (id) => this.imageOf(id),
    });
  }

  /** Restores an earlier visit. */
  async restore(): Promise<void> {
    const draft = await readDraft(this.shelf);
    if (!draft) return;
    this.classes.value = draft.classes;
    this.model.value = draft.model;
    this.settings.value = draft.settings;
    const ids = [...draft.classes, ...draft.classes.flatMap(({ images }) => images), ...draft.run.images];
    this.nextId = 1 + Math.max(2, ...ids.map(({ id }) => Number(id)));
    await this.teaching.restore(draft.run);
  }

  addClass(name?: string): string {
    const id = this.freshId();
    this.classes.value = withClass(this.classes.value, id, name);
    this.board.clear('images');
    this.save();
    return id;
  }

  rename(id: string, name: string): void {
    this.classes.value = renamed(this.classes.value, id, name);
    this.board.clear('images');
    this.save();
  }

  removeClass(id: string): void {
    const gone = this.classes.value.find((one) => one.id === id)?.images ?? [];
    this.classes.value = withoutClass(this.classes.value, id);
    this.board.clear('images', `class:${id}`);
    this.discard(gone.map((image) => image.id));
  }

  addImages(id: string, blobs: readonly Blob[]): void {
    const images = blobs.map((blob): StudioImage => ({ id: this.freshId(), blob }));
    this.last = id;
    this.classes.value = withImages(this.classes.value, id, images);
    this.board.clear('images');
    this.keep(async () => writeImages(this.shelf, images));
  }

  removeImage(id: string, image: string): void {
    this.classes.value = withoutImage(this.classes.value, id, image);
    this.discard([image]);
  }

  /** Adds whole classes; those that are still empty and unnamed make room. */
  addClasses(classes: readonly { readonly name: string; readonly images: readonly Blob[] }[]): void {
    this.classes.value = this.classes.value.filter(
      ({ name, images }) => images.length > 0 || !/^(Class \d+)?$/.test(name.trim()),
    );
    for (const { name, images } of classes) {
      const known = this.classes.value.find((one) => one.name === name);
      this.addImages(known?.id ?? this.addClass(name), images);
    }
  }

  /** The class for an image without one: the last class that got images, or the first. */
  get target(): string | undefined {
    const ids = this.classes.value.map(({ id }) => id);
    return this.last !== undefined && ids.includes(this.last) ? this.last : ids[0];
  }

  /** @param model undefined for the embedded one */
  choose(model: OwnModel | undefined): void {
    if (Boolean(model) !== Boolean(this.model.value)) this.settings.value = model ? OWN_SETTINGS : EMBEDDED_SETTINGS;
    this.model.value = model;
    this.board.clear('model', 'train');
    this.keep(() => writeModel(this.shelf, model));
  }

  set(changes: Partial<StudioSettings>): void {
    this.settings.value = { ...this.settings.value, ...changes };
    this.board.clear('train');
    this.save();
  }

  /** Trains with what there is. */
  async train(): Promise<void> {
    const { classes, model, settings } = this;
    const before = this.teaching.run.value.images.map(({ id }) => id);
    const training = this.teaching.start({ classes: classes.value, model: model.value, settings: settings.value });
    this.discard(before);
    await training;
  }

  /** Forgets everything, here and in the worker. */
  async startOver(): Promise<void> {
    this.classes.value = beginning();
    this.model.value = undefined;
    this.settings.value = EMBEDDED_SETTINGS;
    this.last = undefined;
    this.board.clearAll();
    this.keep(() => this.shelf.clear());
    await this.teaching.reset().catch((error) => this.board.fail('train', error));
  }

  /** Resolves when all that was changed so far is kept. */
  async saved(): Promise<void> {
    if (this.timer !== undefined) this.saveNow();
    await this.saving;
  }

  // ----------------------------------------------------------------------------------------------------------------

  private freshId(): string {
    return String(this.nextId++);
  }

  private async imageOf(id: string): Promise<Blob | undefined> {
    const here = this.classes.value.flatMap(({ images }) => images).find((image) => image.id === id);
    return here?.blob ?? readImage(this.shelf, id);
  }

  /** Takes images off the shelf that neither a class nor the run needs. */
  private discard(ids: readonly string[]): void {
    const needed = new Set([
      ...this.teaching.run.value.images.map(({ id }) => id),
      ...this.classes.value.flatMap(({ images }) => images.map(({ id }) => id)),
    ]);
    const gone = ids.filter((id) => !needed.has(id));
    this.keep(() => removeImages(this.shelf, gone));
  }

  private save(): void {
    // A change that comes while another waits goes with it: put off by each, it would be kept by none.
    this.timer ??= setTimeout(() => this.saveNow(), SAVE_AFTER);
  }

  private saveNow(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const draft: Draft = {
      classes: this.classes.value,
      model: this.model.value,
      settings: this.settings.value,
      run: this.teaching.run.value,
    };
    this.queue(() => writeOutline(this.shelf, draft));
  }

  /** Keeps something, and then what refers to it. */
  private keep(write: () => Promise<void>): void {
    this.queue(write);
    this.save();
  }

  private queue(write: () => Promise<void>): void {
    this.saving = this.saving.then(write).catch((error) => {
      this.board.show('images', {
        message: `The browser cannot keep this: ${problemOf(error).message}`,
        hint: 'Go on, but do not close the page before you have downloaded the model.',
      });
    });
  }
}
