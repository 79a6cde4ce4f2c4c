/** All that the page knows and can do. Components read its signals and call its methods; nothing else holds state that matters. */
import { computed, signal } from '@preact/signals';
import { Board } from './board.ts';
import { countPictures, renamed, withClass, withoutClass, withoutPicture, withPictures } from './classes.ts';
import {
  type Draft,
  readDraft,
  readPicture,
  removePictures,
  writeModel,
  writeOutline,
  writePictures,
} from './draft.ts';
import { problemOf } from './problems.ts';
import { EMBEDDED_SETTINGS, OWN_SETTINGS } from './settings.ts';
import type { Shelf } from './shelf.ts';
import type { Surroundings } from './surroundings.ts';
import { Teaching } from './teaching.ts';
import type { OwnModel, StudioClass, StudioPicture, StudioSettings } from './types.ts';

/** Two empty classes to start with: one alone is none. */
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
  readonly pictures = computed(() => countPictures(this.classes.value));
  /** Whether classes or pictures are others than those of the run. */
  readonly changed = computed(() => {
    const { classes, pictures } = this.teaching.run.value;
    const now = this.classes.value;
    const ids = now.flatMap((one, label) => one.pictures.map(({ id }) => `${label}/${id}`));
    return (
      classes.join('\n') !== now.map(({ name }) => name.trim()).join('\n') ||
      ids.join() !== pictures.map(({ id, label }) => `${label}/${id}`).join()
    );
  });
  /** Where pictures that are pasted go, when no class has the focus. */
  private last: string | undefined;
  private nextId = 3;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private saving: Promise<void> = Promise.resolve();

  constructor(
    private readonly shelf: Shelf,
    surroundings: Surroundings,
  ) {
    this.teaching = new Teaching(surroundings, {
      board: this.board,
      keep: () => this.saveNow(),
      pictureOf: (id) => this.pictureOf(id),
    });
  }

  /** Takes up what an earlier visit left. */
  async restore(): Promise<void> {
    const draft = await readDraft(this.shelf);
    if (!draft) return;
    this.classes.value = draft.classes;
    this.model.value = draft.model;
    this.settings.value = draft.settings;
    const ids = [...draft.classes, ...draft.classes.flatMap(({ pictures }) => pictures), ...draft.run.pictures];
    this.nextId = 1 + Math.max(2, ...ids.map(({ id }) => Number(id)));
    await this.teaching.restore(draft.run);
  }

  addClass(name?: string): string {
    const id = this.freshId();
    this.classes.value = withClass(this.classes.value, id, name);
    this.board.clear('pictures');
    this.save();
    return id;
  }

  rename(id: string, name: string): void {
    this.classes.value = renamed(this.classes.value, id, name);
    this.board.clear('pictures');
    this.save();
  }

  removeClass(id: string): void {
    const gone = this.classes.value.find((one) => one.id === id)?.pictures ?? [];
    this.classes.value = withoutClass(this.classes.value, id);
    this.board.clear('pictures', `class:${id}`);
    this.discard(gone.map((picture) => picture.id));
  }

  addPictures(id: string, blobs: readonly Blob[]): void {
    const pictures = blobs.map((blob): StudioPicture => ({ id: this.freshId(), blob }));
    this.last = id;
    this.classes.value = withPictures(this.classes.value, id, pictures);
    this.board.clear('pictures');
    this.keep(async () => writePictures(this.shelf, pictures));
  }

  removePicture(id: string, picture: string): void {
    this.classes.value = withoutPicture(this.classes.value, id, picture);
    this.discard([picture]);
  }

  /** Adds whole classes; those that are still empty and unnamed make room. */
  addClasses(classes: readonly { readonly name: string; readonly pictures: readonly Blob[] }[]): void {
    this.classes.value = this.classes.value.filter(
      ({ name, pictures }) => pictures.length > 0 || !/^(Class \d+)?$/.test(name.trim()),
    );
    for (const { name, pictures } of classes) {
      const known = this.classes.value.find((one) => one.name === name);
      this.addPictures(known?.id ?? this.addClass(name), pictures);
    }
  }

  /** The class to which a picture goes that is given to none: the last one that got some, or the first. */
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
    const before = this.teaching.run.value.pictures.map(({ id }) => id);
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

  private async pictureOf(id: string): Promise<Blob | undefined> {
    const here = this.classes.value.flatMap(({ pictures }) => pictures).find((picture) => picture.id === id);
    return here?.blob ?? readPicture(this.shelf, id);
  }

  /** Takes pictures off the shelf that neither a class nor the run needs. */
  private discard(ids: readonly string[]): void {
    const needed = new Set([
      ...this.teaching.run.value.pictures.map(({ id }) => id),
      ...this.classes.value.flatMap(({ pictures }) => pictures.map(({ id }) => id)),
    ]);
    const gone = ids.filter((id) => !needed.has(id));
    this.keep(() => removePictures(this.shelf, gone));
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
      this.board.show('pictures', {
        message: `The browser cannot keep this: ${problemOf(error).message}`,
        hint: 'Go on, but do not close the page before you have downloaded the model.',
      });
    });
  }
}
