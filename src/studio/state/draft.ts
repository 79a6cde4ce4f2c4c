/** The page's contents on its shelf: an outline, and each picture by its id. */
import type { Shelf } from './shelf.ts';
import type { OwnModel, Run, StudioClass, StudioPicture, StudioSettings } from './types.ts';

export interface Draft {
  readonly classes: readonly StudioClass[];
  readonly model: OwnModel | undefined;
  readonly settings: StudioSettings;
  readonly run: Run;
}

/** What `outline` holds: pictures are ids. */
interface Outline {
  readonly version: 1;
  readonly classes: readonly { readonly id: string; readonly name: string; readonly pictures: readonly string[] }[];
  readonly hasModel: boolean;
  readonly settings: StudioSettings;
  readonly run: Run;
}

const pictureKey = (id: string) => `picture/${id}`;

export async function writeOutline(shelf: Shelf, { classes, model, settings, run }: Draft): Promise<void> {
  const outline: Outline = {
    version: 1,
    classes: classes.map(({ id, name, pictures }) => ({ id, name, pictures: pictures.map((picture) => picture.id) })),
    hasModel: model !== undefined,
    settings,
    run,
  };
  await shelf.put('outline', outline);
}

export const writeModel = (shelf: Shelf, model: OwnModel | undefined): Promise<void> =>
  model ? shelf.put('model', model) : shelf.remove(['model']);

export async function writePictures(shelf: Shelf, pictures: readonly StudioPicture[]): Promise<void> {
  for (const { id, blob } of pictures) await shelf.put(pictureKey(id), blob);
}

export const removePictures = (shelf: Shelf, ids: readonly string[]): Promise<void> =>
  shelf.remove(ids.map(pictureKey));

export const readPicture = async (shelf: Shelf, id: string): Promise<Blob | undefined> =>
  (await shelf.get(pictureKey(id))) as Blob | undefined;

/** Undefined where nothing was kept. A picture that was not written to its end is left out. */
export async function readDraft(shelf: Shelf): Promise<Draft | undefined> {
  const outline = (await shelf.get('outline')) as Outline | undefined;
  if (outline?.version !== 1) return undefined;
  const pictureOf = async (id: string): Promise<StudioPicture[]> => {
    const blob = await readPicture(shelf, id);
    return blob ? [{ id, blob }] : [];
  };
  const classes = await Promise.all(
    outline.classes.map(async ({ id, name, pictures }) => ({
      id,
      name,
      pictures: (await Promise.all(pictures.map(pictureOf))).flat(),
    })),
  );
  const model = outline.hasModel ? ((await shelf.get('model')) as OwnModel | undefined) : undefined;
  return { classes, model, settings: outline.settings, run: outline.run };
}
