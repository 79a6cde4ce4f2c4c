import { byFolder, type PlacedFile } from '../files/folders.ts';
import { IMAGES_TAKEN, type Incoming, listed, type Refused, readImages } from '../files/images.ts';
import type { Studio } from '../state/studio.ts';
import type { Place } from '../state/types.ts';

const IN_ORDER = new Intl.Collator(undefined, { numeric: true });

/** Adds images to a class, and lists the files that are not images. */
export async function takeIn(studio: Studio, id: string, files: readonly File[]): Promise<void> {
  const place: Place = `class:${id}`;
  studio.board.clear(place);
  const [{ images, refused }] = await readGroups(studio, [files]);
  if (images.length) studio.collection.addImages(id, images);
  refuse(studio, place, refused);
}

/** Folders become classes; loose files go where the last ones went. */
export async function takeInFolders(studio: Studio, placed: readonly PlacedFile[]): Promise<void> {
  const folders = byFolder(placed);
  const loose = folders.get('') ?? [];
  folders.delete('');
  // Browsers list folders in no order.
  const names = [...folders.keys()].sort(IN_ORDER.compare);
  const read = await readGroups(
    studio,
    names.map((name) => folders.get(name)!),
  );
  const classes = names.map((name, i) => ({ name, images: read[i].images }));
  studio.board.clear('images');
  const filled = classes.filter(({ images }) => images.length > 0);
  if (filled.length) studio.collection.addClasses(filled);
  refuse(
    studio,
    'images',
    read.flatMap(({ refused }) => refused),
  );
  const { target } = studio.collection;
  if (loose.length && target !== undefined) await takeIn(studio, target, loose);
}

/** Milliseconds between two views of the progress. */
const REDRAW = 100;

/** Reads files, and shows how many are left. */
export async function readGroups(studio: Studio, groups: readonly (readonly File[])[]): Promise<readonly Incoming[]> {
  const all = groups.reduce((sum, { length }) => sum + length, 0);
  let done = 0;
  studio.collection.reading.value = { done, all };
  let shown = performance.now();
  const onRead = () => {
    done++;
    // The page lists its classes again at each view.
    if (performance.now() - shown < REDRAW) return;
    shown = performance.now();
    studio.collection.reading.value = { done, all };
  };
  try {
    const read: Incoming[] = [];
    for (const files of groups) read.push(await readImages(files, onRead));
    return read;
  } finally {
    studio.collection.reading.value = undefined;
  }
}

function refuse({ board }: Studio, place: Place, refused: readonly Refused[]): void {
  if (!refused.length) return;
  board.show(place, {
    message: `${listed(refused)} ${refused.length === 1 ? 'was' : 'were'} left out.`,
    hint: IMAGES_TAKEN,
  });
}
