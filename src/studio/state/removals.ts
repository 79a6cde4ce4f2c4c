/** Removals of classes and images, which can be undone. */
import type { StudioClass, StudioImage } from './types.ts';

export type Removal =
  | { readonly kind: 'class'; readonly entry: StudioClass; readonly index: number }
  | { readonly kind: 'image'; readonly classId: string; readonly image: StudioImage; readonly index: number };

type Classes = readonly StudioClass[];

const inserted = <T>(list: readonly T[], index: number, item: T): readonly T[] => [
  ...list.slice(0, index),
  item,
  ...list.slice(index),
];

/** The classes before the removal. */
export const restored = (classes: Classes, removal: Removal): Classes =>
  removal.kind === 'class'
    ? inserted(classes, removal.index, removal.entry)
    : classes.map((one) =>
        one.id === removal.classId ? { ...one, images: inserted(one.images, removal.index, removal.image) } : one,
      );

export const imagesOf = (removal: Removal): readonly StudioImage[] =>
  removal.kind === 'class' ? removal.entry.images : [removal.image];
