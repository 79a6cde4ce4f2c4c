/** The classes and their images, as the user changes them. */
import { computed, signal } from '@preact/signals';
import type { Board } from './board.ts';
import { countImages, renamed, withClass, withClasses, withImages, withoutClass, withoutImage } from './classes.ts';
import { type Draft, removeImages, writeImages } from './draft.ts';
import { imagesOf, type Removal, restored } from './removals.ts';
import type { Shelf } from './shelf.ts';
import type { StudioClass, StudioImage } from './types.ts';

/** Two empty classes to start with. */
const beginning = (): readonly StudioClass[] => withClass(withClass([], '1'), '2');

/** The first id that `beginning` leaves free. */
const FIRST_ID = 3;

/** Removals that can be taken back. */
const MOST_REMOVALS = 100;

/** A class that comes from elsewhere. */
export interface NewClass {
  readonly name: string;
  readonly images: readonly Blob[];
}

/** How parts of the state keep their changes. */
export interface KeepHooks {
  readonly board: Board;
  /** Keeps the outline of the project. */
  readonly save: () => void;
  /** Keeps something of the project, and then the outline, which refers to it. */
  readonly keep: (write: (place: Shelf) => Promise<void>) => void;
}

export interface CollectionHooks extends KeepHooks {
  /** Ids of the images of the last training, which stay on the shelf. */
  readonly learned: () => readonly string[];
}

export class Collection {
  readonly classes = signal(beginning());
  /** Ids of images whose class somebody has confirmed. */
  readonly confirmed = signal<readonly string[]>([]);
  readonly removed = signal<readonly Removal[]>([]);
  /** Files that are being read. */
  readonly reading = signal<{ readonly done: number; readonly all: number } | undefined>(undefined);
  /** Images of the classes by their ids. */
  private readonly byId = computed(
    () => new Map(this.classes.value.flatMap(({ images }) => images.map(({ id, blob }) => [id, blob] as const))),
  );
  /** How many images all classes have. */
  readonly images = computed(() => countImages(this.classes.value));
  /** Where images that are pasted go, when no class has the focus. */
  private last: string | undefined;
  private nextId = FIRST_ID;

  constructor(private readonly hooks: CollectionHooks) {}

  addClass(name?: string): string {
    const id = this.freshId();
    this.classes.value = withClass(this.classes.value, id, name);
    this.hooks.board.clear('images');
    this.hooks.save();
    return id;
  }

  rename(id: string, name: string): void {
    this.classes.value = renamed(this.classes.value, id, name);
    this.hooks.board.clear('images');
    this.hooks.save();
  }

  removeClass(id: string): void {
    const index = this.classes.value.findIndex((one) => one.id === id);
    const entry = this.classes.value[index];
    this.classes.value = withoutClass(this.classes.value, id);
    this.hooks.board.clear('images', `class:${id}`);
    this.afterRemoval({ kind: 'class', entry, index });
  }

  addImages(id: string, blobs: readonly Blob[]): void {
    const images = this.freshImages(blobs);
    this.last = id;
    this.classes.value = withImages(this.classes.value, id, images);
    this.hooks.board.clear('images');
    this.hooks.keep((place) => writeImages(place, images));
  }

  removeImage(classId: string, imageId: string): void {
    const { images } = this.classes.value.find((one) => one.id === classId)!;
    const index = images.findIndex(({ id }) => id === imageId);
    this.classes.value = withoutImage(this.classes.value, classId, imageId);
    this.afterRemoval({ kind: 'image', classId, image: images[index], index });
  }

  moveImage(imageId: string, from: string, to: string): void {
    const { images } = this.classes.value.find((one) => one.id === from)!;
    const index = images.findIndex(({ id }) => id === imageId);
    const image = images[index];
    this.classes.value = withImages(withoutImage(this.classes.value, from, imageId), to, [image]);
    this.afterRemoval({ kind: 'move', classId: from, to, image, index });
  }

  /** Confirms the class of an image: no check of the classes asks for it again. */
  confirm(imageId: string): void {
    this.confirmed.value = [...this.confirmed.value, imageId];
    this.hooks.save();
  }

  /** Undoes the last removal or move. @returns it */
  undo(): Removal | undefined {
    const removal = this.removed.value.at(-1);
    if (!removal) return undefined;
    this.removed.value = this.removed.value.slice(0, -1);
    this.classes.value = restored(this.classes.value, removal);
    this.hooks.keep((place) => writeImages(place, imagesOf(removal)));
    return removal;
  }

  /** Adds whole classes; those that are still empty and unnamed make room. */
  addClasses(classes: readonly NewClass[]): void {
    const there = this.classes.value.filter(
      ({ name, images }) => images.length > 0 || !/^(Class \d+)?$/.test(name.trim()),
    );
    const added = classes.map(({ name, images }) => ({ name, images: this.freshImages(images) }));
    this.classes.value = withClasses(there, added, () => this.freshId());
    this.last = this.classes.value.at(-1)?.id;
    this.hooks.board.clear('images');
    const images = added.flatMap((one) => one.images);
    this.hooks.keep((place) => writeImages(place, images));
  }

  /** The class for an image without one: the last class that got images, or the first. */
  get target(): string | undefined {
    const ids = this.classes.value.map(({ id }) => id);
    return this.last !== undefined && ids.includes(this.last) ? this.last : ids[0];
  }

  /** An image of a class; undefined if none has it. */
  imageOf(id: string): Blob | undefined {
    return this.byId.value.get(id);
  }

  /** Takes images off the shelf that neither a class nor the last training needs. */
  discard(ids: readonly string[]): void {
    const needed = new Set([
      ...this.hooks.learned(),
      ...this.classes.value.flatMap(({ images }) => images.map(({ id }) => id)),
    ]);
    const gone = ids.filter((id) => !needed.has(id));
    this.hooks.keep((place) => removeImages(place, gone));
  }

  /** Shows a project's classes. @param others ids that are taken by images that no class has any more */
  open(
    { classes, confirmed }: Pick<Draft, 'classes' | 'confirmed'> = { classes: beginning(), confirmed: [] },
    others: readonly string[] = [],
  ): void {
    this.classes.value = classes;
    this.confirmed.value = confirmed;
    this.removed.value = [];
    this.last = undefined;
    const ids = [...others, ...classes.flatMap(({ id, images }) => [id, ...images.map((image) => image.id)])];
    this.nextId = ids.reduce((next, id) => Math.max(next, Number(id) + 1), FIRST_ID);
  }

  private freshId(): string {
    return String(this.nextId++);
  }

  private freshImages(blobs: readonly Blob[]): readonly StudioImage[] {
    return blobs.map((blob) => ({ id: this.freshId(), blob }));
  }

  private afterRemoval(removal: Removal): void {
    this.removed.value = [...this.removed.value, removal].slice(-MOST_REMOVALS);
    this.discard(imagesOf(removal).map(({ id }) => id));
  }
}
