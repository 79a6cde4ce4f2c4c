/** All that the page knows and can do. Components read its signals and call its methods; nothing else holds state that matters. */
import { batch, computed } from '@preact/signals';
import { Board } from './board.ts';
import { learnedOf, whatIsMissing } from './classes.ts';
import { Collection, type KeepHooks, type NewClass } from './collection.ts';
import { openDoubts } from './doubts.ts';
import { type Draft, readDraft, readImage, writeModel, writeOutline } from './draft.ts';
import type { StudioHost } from './host.ts';
import { Keeper } from './keeper.ts';
import { PhotoModel } from './photo-model.ts';
import { problemOf } from './problems.ts';
import { Projects } from './projects.ts';
import { NO_RUN } from './run.ts';
import { Setup, type SetupContents } from './setup.ts';
import type { Shelf } from './shelf.ts';
import { Teaching } from './teaching.ts';
import type { Run } from './types.ts';

/** Name of a project's training in the worker. */
const trainingOf = (project: string): string => `studio-${project}`;

/** A project as it comes from a file. */
export interface ProjectContents extends SetupContents {
  readonly name: string;
  readonly classes: readonly NewClass[];
}

export class Studio {
  readonly board = new Board();
  readonly projects: Projects;
  readonly photoModel: PhotoModel;
  readonly collection: Collection;
  readonly setup: Setup;
  readonly teaching: Teaching;
  /** Whether classes or images are others than those of the run. */
  readonly changed = computed(() => {
    const { classes, images } = this.teaching.run.value;
    const all = this.collection.classes.value;
    const now = learnedOf(all);
    const shown = all.flatMap(({ name, images }) => images.map(({ id }) => ({ id, label: name.trim() })));
    return (
      classes.length !== now.length ||
      images.length !== shown.length ||
      classes.some((name, i) => name !== now[i].name.trim()) ||
      images.some(({ id, label }, i) => id !== shown[i].id || label !== shown[i].label)
    );
  });
  /** Images that are probably in the wrong class, until somebody decides. */
  readonly doubts = computed(() =>
    openDoubts(this.teaching.run.value.doubts ?? [], this.collection.classes.value, this.collection.confirmed.value),
  );
  private readonly keeper = new Keeper({
    snapshot: () => this.snapshot(),
    onFailure: (error) =>
      this.board.show('images', {
        message: `The browser cannot keep this: ${problemOf(error).message}`,
        hint: 'Go on, but do not close the page before you have downloaded the model.',
      }),
  });

  constructor(
    private readonly shelf: Shelf,
    readonly host: StudioHost,
  ) {
    this.projects = new Projects(shelf);
    this.photoModel = new PhotoModel(shelf, host, this.board);
    const keeping: KeepHooks = {
      board: this.board,
      save: () => this.keeper.save(),
      keep: (write) => this.keep(write),
    };
    this.collection = new Collection({
      ...keeping,
      learned: () => this.teaching.run.value.images.map(({ id }) => id),
    });
    this.setup = new Setup({
      ...keeping,
      classes: this.collection.classes,
      project: () => this.projects.current.value.id,
      wantPhotoModel: () => this.photoModel.want(),
      served: host.served,
    });
    this.teaching = new Teaching(host, {
      board: this.board,
      keep: () => this.keeper.saveNow(),
      imageOf: async (id) => this.collection.imageOf(id) ?? readImage(this.projects.place, id),
      dataName: () => this.projects.current.value.name.trim() || 'images',
      project: () => (host.keeps ? trainingOf(this.projects.current.value.id) : undefined),
    });
  }

  /** Restores an earlier visit. */
  async restore(): Promise<void> {
    await Promise.all([this.projects.restore(), this.photoModel.restore()]);
    await this.teaching.restore(await this.load());
  }

  /** Trains with what there is. */
  async train(): Promise<void> {
    const { kind, settings, own } = this.setup;
    const classes = this.collection.classes.value;
    const models = { photos: this.photoModel.model.value, own: own.value, drawings: undefined };
    const model = models[kind.value];
    // Without images, the page asks for those first.
    if (!model && kind.value !== 'drawings' && !whatIsMissing(classes)) return this.photoModel.want();
    const before = this.teaching.run.value.images.map(({ id }) => id);
    const training = this.teaching.start({ classes, model, settings: settings.value });
    this.collection.discard(before);
    await training;
  }

  // --- Projects ----------------------------------------------------------------------------------------------------

  /** Leaves this project for another one, which continues where it was left. */
  async open(id: string): Promise<void> {
    if (id === this.projects.current.value.id) return;
    await this.leave();
    this.projects.select(id);
    this.keeper.queue(() => this.projects.write());
    void this.teaching.restore(await this.load());
  }

  async addProject(): Promise<void> {
    await this.leave();
    this.projects.add('My project');
    await this.load();
    this.keeper.save();
  }

  /** Opens a project that comes from a file, as one more. */
  async addContents({ name, classes, ...setup }: ProjectContents): Promise<void> {
    await this.leave();
    this.projects.add(name);
    batch(() => {
      this.board.clearAll();
      this.collection.open({ classes: [], confirmed: [] });
      this.collection.addClasses(classes);
      this.setup.open(setup);
    });
    const { own } = setup;
    if (own) this.keep((place) => writeModel(place, own));
    await this.saved();
  }

  renameProject(name: string): void {
    this.projects.change({ name });
    this.keeper.save();
  }

  /** Deletes a project with its training. After the current one, the newest of the others is opened. */
  async deleteProject(id: string): Promise<void> {
    if (id === this.projects.current.value.id) {
      const next = this.projects.entries.value.find((entry) => entry.id !== id);
      await (next ? this.open(next.id) : this.addProject());
    }
    const place = this.projects.placeOf(id);
    this.projects.remove(id);
    this.keeper.queue(() => place.clear());
    this.keeper.save();
    await this.forget((training) => training === trainingOf(id));
  }

  /** Deletes all projects, trainings and models. */
  async deleteAll(): Promise<void> {
    await this.leave();
    this.projects.reset();
    this.show(undefined);
    this.photoModel.forget();
    this.keeper.queue(() => this.shelf.clear());
    await this.forget((training) => training.startsWith('studio'));
    await this.saved();
    await this.host.clearPage();
  }

  /** Resolves when all that was changed so far is kept. */
  saved(): Promise<void> {
    return this.keeper.saved();
  }

  // ----------------------------------------------------------------------------------------------------------------

  private async leave(): Promise<void> {
    this.photoModel.dismiss();
    await this.saved();
    this.teaching.leave();
  }

  /** Shows a project; an empty one if there is no draft. */
  private show(draft: Draft | undefined): void {
    batch(() => {
      this.board.clearAll();
      this.collection.open(
        draft,
        draft?.run.images.map(({ id }) => id),
      );
      this.setup.open(draft);
    });
  }

  /** Shows the current project as it was left. @returns its training */
  private async load(): Promise<Run> {
    const { id } = this.projects.current.value;
    const draft = await readDraft(this.projects.place);
    if (this.projects.current.value.id !== id) return NO_RUN;
    this.show(draft);
    if (!draft || (draft.kind === undefined && this.collection.images.value === 0)) void this.setup.takeServed();
    return draft?.run ?? NO_RUN;
  }

  private async forget(isUnwanted: (training: string) => boolean): Promise<void> {
    await this.teaching.forget(isUnwanted).catch((error) => this.board.fail('projects', error));
  }

  private snapshot(): () => Promise<void> {
    const draft: Draft = {
      classes: this.collection.classes.value,
      confirmed: this.collection.confirmed.value,
      kind: this.setup.chosen.value,
      own: this.setup.own.value,
      settings: this.setup.changes.value,
      run: this.teaching.run.value,
    };
    const { place } = this.projects;
    this.projects.change({ images: this.collection.images.value });
    return async () => {
      await writeOutline(place, draft);
      await this.projects.write();
    };
  }

  /** Keeps something of the project, and then what refers to it. */
  private keep(write: (place: Shelf) => Promise<void>): void {
    const { place } = this.projects;
    this.keeper.queue(() => write(place));
    this.keeper.save();
  }
}
