/** What the next training starts from: the model and the settings. */
import { batch, computed, type ReadonlySignal, signal } from '@preact/signals';
import type { Progress } from '../files/download.ts';
import { arePhotographs } from './classes.ts';
import type { KeepHooks } from './collection.ts';
import { writeModel } from './draft.ts';
import type { ServedModel } from './host.ts';
import { usualSettings } from './settings.ts';
import type { ModelKind, OwnModel, StudioClass, StudioSettings } from './types.ts';

/** The part of a project that `Setup` shows. */
export interface SetupContents {
  readonly kind?: ModelKind;
  readonly own?: OwnModel;
  /** Those that somebody has changed. */
  readonly settings: Partial<StudioSettings>;
}

export interface SetupHooks extends KeepHooks {
  readonly classes: ReadonlySignal<readonly StudioClass[]>;
  /** Id of the current project. */
  readonly project: () => string;
  /** Asks for the photo model, unless it is here. */
  readonly wantPhotoModel: () => void;
  readonly served: ServedModel | undefined;
}

export class Setup {
  /** The model that somebody has chosen. */
  readonly chosen = signal<ModelKind | undefined>(undefined);
  /** Kept when another one is chosen. */
  readonly own = signal<OwnModel | undefined>(undefined);
  /** Settings that somebody has changed: no choice of a model changes them. */
  readonly changes = signal<Partial<StudioSettings>>({});
  /** A change of the settings by the last choice of a model. */
  readonly notice = signal<string | undefined>(undefined);
  /** Of the command's model, while it comes. */
  readonly serving = signal<Progress | undefined>(undefined);
  /** The model to start from: unless it is chosen, the one that suits the images. */
  readonly kind = computed(
    (): ModelKind => this.chosen.value ?? (arePhotographs(this.hooks.classes.value) ? 'photos' : 'drawings'),
  );
  readonly settings = computed((): StudioSettings => ({ ...usualSettings(this.kind.value), ...this.changes.value }));

  constructor(private readonly hooks: SetupHooks) {}

  choose(kind: ModelKind): void {
    const before = this.settings.value;
    this.chosen.value = kind;
    const { epochs } = this.settings.value;
    this.notice.value =
      epochs === before.epochs
        ? undefined
        : `Now ${epochs} rounds instead of ${before.epochs}, as is usual for this model.`;
    this.hooks.board.clear('model', 'train');
    this.hooks.save();
    if (kind === 'photos') this.hooks.wantPhotoModel();
  }

  /** Takes a model of the user's. */
  take(model: OwnModel): void {
    this.own.value = model;
    this.choose('own');
    this.hooks.keep((place) => writeModel(place, model));
  }

  /** Takes the model of the command that serves the page. */
  async takeServed(): Promise<void> {
    const { served, project } = this.hooks;
    if (!served || this.serving.value) return;
    const id = project();
    this.serving.value = { received: 0, total: 0 };
    try {
      const onProgress = (progress: Progress) => {
        this.serving.value = progress;
      };
      const model = await served.load({ onProgress });
      if (project() === id) this.take(model);
    } catch (error) {
      this.hooks.board.fail('model', error);
    } finally {
      this.serving.value = undefined;
    }
  }

  set(changes: Partial<StudioSettings>): void {
    this.changes.value = { ...this.changes.value, ...changes };
    this.notice.value = undefined;
    this.hooks.board.clear('train');
    this.hooks.save();
  }

  /** Gives up all changes of settings. */
  resetSettings(): void {
    this.changes.value = {};
    this.notice.value = undefined;
    this.hooks.save();
  }

  /** Shows a project's. */
  open({ kind, own, settings }: SetupContents = { settings: {} }): void {
    batch(() => {
      this.chosen.value = kind === 'own' && !own ? undefined : kind;
      this.own.value = own;
      this.changes.value = settings;
      this.notice.value = undefined;
    });
  }
}
