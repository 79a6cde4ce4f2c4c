import { byFolder, type PlacedFile } from '../files/folders.ts';
import { listed, PICTURES_TAKEN, type Refused, readPictures } from '../files/pictures.ts';
import type { Studio } from '../state/studio.ts';
import type { Place } from '../state/types.ts';

/** Pictures into a class; what is none is named at it. */
export async function takeIn(studio: Studio, id: string, files: readonly File[]): Promise<void> {
  const place: Place = `class:${id}`;
  studio.board.clear(place);
  const { pictures, refused } = await readPictures(files);
  if (pictures.length) studio.addPictures(id, pictures);
  refuse(studio, place, refused);
}

/** Folders become classes; loose files go where the last ones went. */
export async function takeInFolders(studio: Studio, placed: readonly PlacedFile[]): Promise<void> {
  const folders = byFolder(placed);
  const loose = folders.get('') ?? [];
  folders.delete('');
  const classes: { name: string; pictures: readonly Blob[] }[] = [];
  const wrong: Refused[] = [];
  for (const [name, files] of folders) {
    const { pictures, refused } = await readPictures(files);
    if (pictures.length) classes.push({ name, pictures });
    wrong.push(...refused);
  }
  studio.board.clear('pictures');
  if (classes.length) studio.addClasses(classes);
  refuse(studio, 'pictures', wrong);
  const { target } = studio;
  if (loose.length && target !== undefined) await takeIn(studio, target, loose);
}

function refuse({ board }: Studio, place: Place, refused: readonly Refused[]): void {
  if (!refused.length) return;
  board.show(place, {
    message: `${listed(refused)} ${refused.length === 1 ? 'was' : 'were'} left out.`,
    hint: PICTURES_TAKEN,
  });
}
