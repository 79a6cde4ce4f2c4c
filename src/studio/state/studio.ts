/** All that the page knows and can do. Components read its signals and call its methods; nothing else holds state that matters. */
import { batch, computed, signal } from '@preact/signals';
import type { Progress } from '../files/download.ts';
import { Board } from './board.ts';
import {
  arePhotographs,
  countImages,
  renamed,
  whatIsMissing,
  withClass,
  withClasses,
  withImages,
  withoutClass,
  withoutImage,
} from './classes.ts';
import { type Draft, readDraft, readImage, removeImages, writeImages, writeModel, writeOutline } from './draft.ts';
import type { StudioHost } from './host.ts';
import { PhotoModel } from './photo-model.ts';
import { problemOf } from './problems.ts';
import { Projects } from './projects.ts';
import { imagesOf, type Removal, restored } from './removals.ts';
import { NO_RUN } from './run.ts';
import { usualSettings } from './settings.ts';
import type { Shelf } from './shelf.ts';
import { Teaching } from './teaching.ts';
import type { ModelKind, OwnModel, Run, StudioClass, StudioImage, StudioSettings } from './types.ts';

/** Two empty classes to start with. */
const beginning = (): readonly StudioClass[] => withClass(withClass([], '1'), '2');

/** Milliseconds in which changes are gathered before they are kept. */
const SAVE_AFTER = 200;

/** Removals that can be taken back. */
const MOST_REMOVALS = 100;

/** Name of a project's training in the worker. */
const trainingOf = (project: string): string => `studio-${project}`;

/** A project as it comes from a file. */
export interface ProjectContents {
  readonly name: string;
  readonly classes: readonly { readonly name: string; readonly images: readonly Blob[] }[];
  readonly kind?: ModelKind;
  readonly own?: OwnModel;
  readonly settings: Partial<StudioSettings>;
}

/** The choice of a model that is there. */
const kindOf = ({ kind, own }: Pick<ProjectContents, 'kind' | 'own'>): ModelKind | undefined =>
  kind === 'own' && !own ? undefined : kind;

export class Studio {
  readonly board = new Board();
  readonly projects: Projects;
  readonly photoModel: PhotoModel;
  readonly teaching: Teaching;
  readonly classes = signal(beginning());
  /** The model that somebody has chosen. */
  readonly chosen = signal<ModelKind | undefined>(undefined);
  /** Kept when another one is chosen. */
  readonly own = signal<OwnModel | undefined>(undefined);
  /** Settings that somebody has changed: no choice of a model changes them. */
  readonly changes = signal<Partial<StudioSettings>>({});
  /** A change of the settings by the last choice of a model. */
  readonly notice = signal<string | undefined>(undefined);
  readonly removed = signal<readonly Removal[]>([]);
  /** Files that are being read. */
  readonly reading = signal<{ readonly done: number; readonly all: number } | undefined>(undefined);
  /** Of the command's model, while it comes. */
  readonly serving = signal<Progress | undefined>(undefined);
  readonly images = computed(() => countImages(this.classes.value));
  /** The model to start from: unless it is chosen, the one that suits the images. */
  readonly kind = computed(
    (): ModelKind => this.chosen.value ?? (arePhotographs(this.classes.value) ? 'photos' : 'drawings'),
  );
  readonly settings = computed((): StudioSettings => ({ ...usualSettings(this.kind.value), ...this.changes.value }));
  /** Whether classes or images are others than those of the run. */
  readonly changed = computed(() => {
    const { classes, images } = this.teaching.run.value;
    const now = this.classes.value;
    const shown = now.flatMap(({ name, images }) => images.map(({ id }) => ({ id, label: name.trim() })));
    return (
      classes.length !== now.length ||
      images.length !== shown.length ||
      classes.some((name, i) => name !== now[i].name.trim()) ||
      images.some(({ id, label }, i) => id !== shown[i].id || label !== shown[i].label)
    );
  });
  /** Where images that are pasted go, when no class has the focus. */
  private last: string | undefined;
  private nextId = 3;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private saving: Promise<void> = Promise.resolve();

  constructor(
    private readonly shelf: Shelf,
    readonly host: StudioHost,
  ) {
    this.projects = new Projects(shelf);
    this.photoModel = new PhotoModel(shelf, host, this.board);
    this.teaching = new Teaching(host, {
      board: this.board,
      keep: () => this.saveNow(),
      imageOf: (id) => this.imageOf(id),
      dataName: () => this.projects.current.value.name.trim() || 'images',
      project: () => (host.keeps ? trainingOf(this.projects.current.value.id) : undefined),
    });
  }

  /** Restores an earlier visit. */
  async restore(): Promise<void> {
    await Promise.all([this.projects.restore(), this.photoModel.restore()]);
    await this.teaching.restore(await this.load());
  }

  // --- Classes and images ------------------------------------------------------------------------------------------

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
    const index = this.classes.value.findIndex((one) => one.id === id);
    const entry = this.classes.value[index];
    this.classes.value = withoutClass(this.classes.value, id);
    this.board.clear('images', `class:${id}`);
    this.afterRemoval({ kind: 'class', entry, index });
  }

  addImages(id: string, blobs: readonly Blob[]): void {
    const images = this.freshImages(blobs);
    this.last = id;
    this.classes.value = withImages(this.classes.value, id, images);
    this.board.clear('images');
    this.keep((place) => writeImages(place, images));
  }

  removeImage(classId: string, imageId: string): void {
    const { images } = this.classes.value.find((one) => one.id === classId)!;
    const index = images.findIndex(({ id }) => id === imageId);
    this.classes.value = withoutImage(this.classes.value, classId, imageId);
    this.afterRemoval({ kind: 'image', classId, image: images[index], index });
  }

  /** Undoes the last removal. @returns it */
  undo(): Removal | undefined {
    const removal = this.removed.value.at(-1);
    if (!removal) return undefined;
    this.removed.value = this.removed.value.slice(0, -1);
    this.classes.value = restored(this.classes.value, removal);
    this.keep((place) => writeImages(place, imagesOf(removal)));
    return removal;
  }

  /** Adds whole classes; those that are still empty and unnamed make room. */
  addClasses(classes: readonly { readonly name: string; readonly images: readonly Blob[] }[]): void {
    const there = this.classes.value.filter(
      ({ name, images }) => images.length > 0 || !/^(Class \d+)?$/.test(name.trim()),
    );
    const added = classes.map(({ name, images }) => ({ name, images: this.freshImages(images) }));
    this.classes.value = withClasses(there, added, () => this.freshId());
    this.last = this.classes.value.at(-1)?.id;
    this.board.clear('images');
    const images = added.flatMap((one) => one.images);
    this.keep((place) => writeImages(place, images));
  }

  /** The class for an image without one: the last class that got images, or the first. */
  get target(): string | undefined {
    const ids = this.classes.value.map(({ id }) => id);
    return this.last !== undefined && ids.includes(this.last) ? this.last : ids[0];
  }

  // --- The model and the settings ----------------------------------------------------------------------------------

  choose(kind: ModelKind): void {
    const before = this.settings.value;
    this.chosen.value = kind;
    const { epochs } = this.settings.value;
    this.notice.value =
      epochs === before.epochs
        ? undefined
        : `Now ${epochs} rounds instead of ${before.epochs}, as is usual for this model.`;
    this.board.clear('model', 'train');
    this.save();
    if (kind === 'photos') this.photoModel.want();
  }

  /** Takes a model of the user's. */
  take(model: OwnModel): void {
    this.own.value = model;
    this.choose('own');
    this.keep((place) => writeModel(place, model));
  }

  /** Takes the model of the command that serves the page. */
  async takeServed(): Promise<void> {
    const { served } = this.host;
    if (!served || this.serving.value) return;
    const { id } = this.projects.current.value;
    this.serving.value = { received: 0, total: 0 };
    try {
      const onProgress = (progress: Progress) => {
        this.serving.value = progress;
      };
      const model = await served.load({ onProgress });
      if (this.projects.current.value.id === id) this.take(model);
    } catch (error) {
      this.board.fail('model', error);
    } finally {
      this.serving.value = undefined;
    }
  }

  set(changes: Partial<StudioSettings>): void {
    this.changes.value = { ...this.changes.value, ...changes };
    this.notice.value = undefined;
    this.board.clear('train');
    this.save();
  }

  /** Gives up all changes of settings. */
  resetSettings(): void {
    this.changes.value = {};
    this.notice.value = undefined;
    this.save();
  }

  /** Trains with what there is. */
  async train(): Promise<void> {
    const { kind, settings } = this;
    const classes = this.classes.value;
    const models = { photos: this.photoModel.model.value, own: this.own.value, drawings: undefined };
    const model = models[kind.value];
    // Without images, the page asks for those first.
    if (!model && kind.value !== 'drawings' && !whatIsMissing(classes)) return this.photoModel.want();
    const before = this.teaching.run.value.images.map(({ id }) => id);
    const training = this.teaching.start({ classes, model, settings: settings.value });
    this.discard(before);
    await training;
  }

  // --- Projects ----------------------------------------------------------------------------------------------------

  /** Leaves this project for another one, which continues where it was left. */
  async open(id: string): Promise<void> {
    if (id === this.projects.current.value.id) return;
    await this.leave();
    this.projects.select(id);
    this.queue(() => this.projects.write());
    void this.teaching.restore(await this.load());
  }

  async addProject(): Promise<void> {
    await this.leave();
    this.projects.add('My project');
    await this.load();
    this.save();
  }

  /** Opens a project that comes from a file, as one more. */
  async addContents({ name, classes, kind, own, settings }: ProjectContents): Promise<void> {
    await this.leave();
    this.projects.add(name);
    batch(() => {
      this.clear();
      this.classes.value = [];
      this.addClasses(classes);
      this.changes.value = settings;
      this.own.value = own;
      this.chosen.value = kindOf({ kind, own });
    });
    if (own) this.keep((place) => writeModel(place, own));
    await this.saved();
  }

  renameProject(name: string): void {
    this.projects.change({ name });
    this.save();
  }

  /** Deletes a project with its training. After the current one, the newest of the others is opened. */
  async deleteProject(id: string): Promise<void> {
    if (id === this.projects.current.value.id) {
      const next = this.projects.entries.value.find((entry) => entry.id !== id);
      await (next ? this.open(next.id) : this.addProject());
    }
    const place = this.projects.placeOf(id);
    this.projects.remove(id);
    this.queue(() => place.clear());
    this.save();
    await this.forget((training) => training === trainingOf(id));
  }

  /** Deletes all projects, trainings and models. */
  async deleteAll(): Promise<void> {
    await this.leave();
    this.projects.reset();
    this.clear();
    this.photoModel.forget();
    this.queue(() => this.shelf.clear());
    await this.forget((training) => training.startsWith('studio'));
    await this.saved();
    await this.host.clearPage();
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

  private freshImages(blobs: readonly Blob[]): readonly StudioImage[] {
    return blobs.map((blob) => ({ id: this.freshId(), blob }));
  }

  private async imageOf(id: string): Promise<Blob | undefined> {
    const here = this.classes.value.flatMap(({ images }) => images).find((image) => image.id === id);
    return here?.blob ?? readImage(this.projects.place, id);
  }

  private async leave(): Promise<void> {
    this.photoModel.dismiss();
    await this.saved();
    this.teaching.leave();
  }

  /** An empty project. */
  private clear(): void {
    this.classes.value = beginning();
    this.chosen.value = undefined;
    this.own.value = undefined;
    this.changes.value = {};
    this.notice.value = undefined;
    this.removed.value = [];
    this.last = undefined;
    this.nextId = 3;
    this.board.clearAll();
  }

  /** Shows the current project as it was left. @returns its training */
  private async load(): Promise<Run> {
    const { id } = this.projects.current.value;
    const draft = await readDraft(this.projects.place);
    if (this.projects.current.value.id !== id) return NO_RUN;
    batch(() => {
      this.clear();
      if (!draft) return;
      this.classes.value = draft.classes;
      this.chosen.value = kindOf(draft);
      this.own.value = draft.own;
      this.changes.value = draft.settings;
      const ids = [...draft.classes, ...draft.classes.flatMap(({ images }) => images), ...draft.run.images];
      this.nextId = 1 + ids.reduce((most, { id }) => Math.max(most, Number(id)), 2);
    });
    if (!draft || (draft.kind === undefined && this.images.value === 0)) void this.takeServed();
    return draft?.run ?? NO_RUN;
  }

  private async forget(isUnwanted: (training: string) => boolean): Promise<void> {
    await this.teaching.forget(isUnwanted).catch((error) => this.board.fail('projects', error));
  }

  private afterRemoval(removal: Removal): void {
    this.removed.value = [...this.removed.value, removal].slice(-MOST_REMOVALS);
    this.discard(imagesOf(removal).map(({ id }) => id));
  }

  /** Takes images off the shelf that neither a class nor the run needs. */
  private discard(ids: readonly string[]): void {
    const needed = new Set([
      ...this.teaching.run.value.images.map(({ id }) => id),
      ...this.classes.value.flatMap(({ images }) => images.map(({ id }) => id)),
    ]);
    const gone = ids.filter((id) => !needed.has(id));
    this.keep((place) => removeImages(place, gone));
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
      kind: this.chosen.value,
      own: this.own.value,
      settings: this.changes.value,
      run: this.teaching.run.value,
    };
    const { place } = this.projects;
    this.projects.change({ images: this.images.value });
    this.queue(async () => {
      await writeOutline(place, draft);
      await this.projects.write();
    });
  }

  /** Keeps something of the project, and then what refers to it. */
  private keep(write: (place: Shelf) => Promise<void>): void {
    const { place } = this.projects;
    this.queue(() => write(place));
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
