/** Images that are probably in the wrong class. */
import type { Doubt, StudioClass, StudioImage } from './types.ts';

/** Images up to which classes are checked without being asked to. */
export const CHECKED_UNASKED = 1000;

/** A doubt that waits for a decision. */
export interface OpenDoubt {
  readonly image: StudioImage;
  /** Its class. */
  readonly from: StudioClass;
  /** The class that it probably belongs to; undefined if that is gone. */
  readonly to: StudioClass | undefined;
  readonly probability: number;
}

/** @param confirmed ids of images whose class somebody has confirmed */
export function openDoubts(
  doubts: readonly Doubt[],
  classes: readonly StudioClass[],
  confirmed: readonly string[],
): readonly OpenDoubt[] {
  const decided = new Set(confirmed);
  const wanted = new Set(doubts.map(({ image }) => image));
  const places = new Map<string, Pick<OpenDoubt, 'image' | 'from'>>();
  for (const from of classes)
    for (const image of from.images) if (wanted.has(image.id)) places.set(image.id, { image, from });
  return doubts.flatMap(({ image, label, likely, probability }) => {
    const place = places.get(image);
    // Whoever has moved it, or renamed the class, has decided.
    if (!place || decided.has(image) || place.from.name.trim() !== label) return [];
    return [{ ...place, to: classes.find(({ name }) => name.trim() === likely), probability }];
  });
}
