/** Removals of classes and images, and moves of images, which can be undone. */
import { withoutImage } from './classes.ts';
import type { StudioClass, StudioImage } from './types.ts';

export type Removal =
  | { readonly kind: 'class'; readonly entry: StudioClass; readonly index: number }
  | { readonly kind: 'image'; readonly classId: string; readonly image: StudioImage; readonly index: number }
  | {
      readonly kind: 'move';
      readonly classId: string;
      readonly to: string;
      readonly image: StudioImage;
      readonly index: number;
    };

type Classes = readonly StudioClass[];

const inserted = <T>(list: readonly T[], index: number, item: T): readonly T[] => [
  ...list.slice(0, index),
  item,
  ...list.slice(index),
];

/** The classes before the removal. */
export function restored(classes: Classes, removal: Removal): Classes {
  if (removal.kind === 'class') return inserted(classes, removal.index, removal.entry);
  const { classId, image, index } = removal;
  const rest = removal.kind === 'move' ? withoutImage(classes, removal.to, image.id) : classes;
  return rest.map((one) => (one.id === classId ? { ...one, images: inserted(one.images, index, image) } : one));
}

export const imagesOf = (removal: Removal): readonly StudioImage[] =>
  removal.kind === 'class' ? removal.entry.images : [removal.image];
