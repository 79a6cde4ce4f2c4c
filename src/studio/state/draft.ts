/** The page's contents on its shelf: an outline, and each image by its id. */
import type { Shelf } from './shelf.ts';
import type { OwnModel, Run, StudioClass, StudioImage, StudioSettings } from './types.ts';

export interface Draft {
  readonly classes: readonly StudioClass[];
  readonly model: OwnModel | undefined;
  readonly settings: StudioSettings;
  readonly run: Run;
}

/** What `outline` holds: images are ids. */
interface Outline {
  readonly version: 2;
  readonly classes: readonly { readonly id: string; readonly name: string; readonly images: readonly string[] }[];
  readonly hasModel: boolean;
  readonly settings: StudioSettings;
  readonly run: Run;
}

const imageKey = (id: string) => `image/${id}`;

export async function writeOutline(shelf: Shelf, { classes, model, settings, run }: Draft): Promise<void> {
  const outline: Outline = {
    version: 2,
    classes: classes.map(({ id, name, images }) => ({ id, name, images: images.map((image) => image.id) })),
    hasModel: model !== undefined,
    settings,
    run,
  };
  await shelf.put('outline', outline);
}

export const writeModel = (shelf: Shelf, model: OwnModel | undefined): Promise<void> =>
  model ? shelf.put('model', model) : shelf.remove(['model']);

export async function writeImages(shelf: Shelf, images: readonly StudioImage[]): Promise<void> {
  for (const { id, blob } of images) await shelf.put(imageKey(id), blob);
}

export const removeImages = (shelf: Shelf, ids: readonly string[]): Promise<void> => shelf.remove(ids.map(imageKey));

export const readImage = async (shelf: Shelf, id: string): Promise<Blob | undefined> =>
  (await shelf.get(imageKey(id))) as Blob | undefined;

/** Undefined if nothing was kept. An image that was not written to its end is left out. */
export async function readDraft(shelf: Shelf): Promise<Draft | undefined> {
  const outline = (await shelf.get('outline')) as Outline | undefined;
  if (outline?.version !== 2) return undefined;
  const imageOf = async (id: string): Promise<StudioImage[]> => {
    const blob = await readImage(shelf, id);
    return blob ? [{ id, blob }] : [];
  };
  const classes = await Promise.all(
    outline.classes.map(async ({ id, name, images }) => ({
      id,
      name,
      images: (await Promise.all(images.map(imageOf))).flat(),
    })),
  );
  const model = outline.hasModel ? ((await shelf.get('model')) as OwnModel | undefined) : undefined;
  return { classes, model, settings: outline.settings, run: outline.run };
}
