import { byFolder, type PlacedFile } from '../files/folders.ts';
import { IMAGES_TAKEN, listed, type Refused, readImages } from '../files/images.ts';
import type { Studio } from '../state/studio.ts';
import type { Place } from '../state/types.ts';

/** Adds images to a class, and lists the files that are not images. */
export async function takeIn(studio: Studio, id: string, files: readonly File[]): Promise<void> {
  const place: Place = `class:${id}`;
  studio.board.clear(place);
  const { images, refused } = await readImages(files);
  if (images.length) studio.addImages(id, images);
  refuse(studio, place, refused);
}

/** Folders become classes; loose files go where the last ones went. */
export async function takeInFolders(studio: Studio, placed: readonly PlacedFile[]): Promise<void> {
  const folders = byFolder(placed);
  const loose = folders.get('') ?? [];
  folders.delete('');
  const classes: { name: string; images: readonly Blob[] }[] = [];
  const wrong: Refused[] = [];
  for (const [name, files] of folders) {
    const { images, refused } = await readImages(files);
    if (images.length) classes.push({ name, images });
    wrong.push(...refused);
  }
  studio.board.clear('images');
  if (classes.length) studio.addClasses(classes);
  refuse(studio, 'images', wrong);
  const { target } = studio;
  if (loose.length && target !== undefined) await takeIn(studio, target, loose);
}

function refuse({ board }: Studio, place: Place, refused: readonly Refused[]): void {
  if (!refused.length) return;
  board.show(place, {
    message: `${listed(refused)} ${refused.length === 1 ? 'was' : 'were'} left out.`,
    hint: IMAGES_TAKEN,
  });
}
