/** A project on its shelf: an outline, and each image by its id. */
import type { Shelf } from './shelf.ts';
import type { ModelKind, OwnModel, Run, StudioClass, StudioImage, StudioSettings } from './types.ts';

export interface Draft {
  readonly classes: readonly StudioClass[];
  /** Ids of images whose class somebody has confirmed. */
  readonly confirmed: readonly string[];
  /** Undefined until somebody chooses. */
  readonly kind: ModelKind | undefined;
  readonly own: OwnModel | undefined;
  /** Those that somebody has changed. */
  readonly settings: Partial<StudioSettings>;
  readonly run: Run;
}

/** What `outline` holds: images are ids. */
interface Outline extends Pick<Draft, 'kind' | 'settings' | 'run'>, Partial<Pick<Draft, 'confirmed'>> {
  readonly version: 3;
  readonly classes: readonly { readonly id: string; readonly name: string; readonly images: readonly string[] }[];
  readonly hasModel: boolean;
}

/** Images of one transaction. */
const AT_ONCE = 500;

const imageKey = (id: string) => `image/${id}`;

export async function writeOutline(shelf: Shelf, { classes, own, ...rest }: Draft): Promise<void> {
  const outline: Outline = {
    version: 3,
    classes: classes.map(({ id, name, images }) => ({ id, name, images: images.map((image) => image.id) })),
    hasModel: own !== undefined,
    ...rest,
  };
  await shelf.put([['outline', outline]]);
}

export const writeModel = (shelf: Shelf, model: OwnModel): Promise<void> => shelf.put([['model', model]]);

export async function writeImages(shelf: Shelf, images: readonly StudioImage[]): Promise<void> {
  for (let from = 0; from < images.length; from += AT_ONCE)
    await shelf.put(images.slice(from, from + AT_ONCE).map(({ id, blob }) => [imageKey(id), blob]));
}

export const removeImages = (shelf: Shelf, ids: readonly string[]): Promise<void> => shelf.remove(ids.map(imageKey));

export async function readImage(shelf: Shelf, id: string): Promise<Blob | undefined> {
  const [blob] = await shelf.get([imageKey(id)]);
  return blob as Blob | undefined;
}

/** Undefined if nothing was kept. An image that was not written to its end is left out. */
export async function readDraft(shelf: Shelf): Promise<Draft | undefined> {
  const [outline, model] = (await shelf.get(['outline', 'model'])) as [Outline | undefined, OwnModel | undefined];
  if (outline?.version !== 3) return undefined;
  const { kind, settings, run, hasModel, confirmed = [] } = outline;
  const classes = await Promise.all(
    outline.classes.map(async ({ id, name, images }) => {
      const blobs = (await shelf.get(images.map(imageKey))) as readonly (Blob | undefined)[];
      return { id, name, images: images.flatMap((image, i) => (blobs[i] ? [{ id: image, blob: blobs[i] }] : [])) };
    }),
  );
  return { classes, confirmed, kind, own: hasModel ? model : undefined, settings, run };
}
