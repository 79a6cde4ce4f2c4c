/**
 * Draws the concepts that the pretraining leaves out, from icon sets that `npm ci` installs: ten images of each for training,
 * and other artists' drawings for validation.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { ThawError } from '../../src/errors.ts';
import { Random } from '../../src/random.ts';
import { type Icon, readIconSet, svgOf } from '../demo/icons.ts';
import { type Colour, inkAndPaper } from './colours.ts';
import { type HeldOutConcept, heldOutConcepts, heldOutSets, transferSets } from './held-out.ts';
import { conceptOf } from './naming.ts';
import { iconSets } from './sets.ts';

/** Training images per concept. */
export const imagesPerConcept = 10;

/** The maximum number of validation images of a concept from one artist. */
const mostOfAnArtist = 2;

/** Pixels per side. */
export const imageSide = 128;

/** The result of drawing. */
export interface HeldOutImages {
  /** Contains `train/CONCEPT/SET-NAME.png` and `val/CONCEPT/SET-NAME.png`, for `thaw train`. */
  readonly folder: string;
  /** In alphabetical order. */
  readonly concepts: readonly string[];
  /** Number of images. */
  readonly train: number;
  readonly val: number;
}

export interface HeldOutSelection {
  readonly concept: string;
  readonly train: readonly Icon[];
  readonly val: readonly Icon[];
}

/** The drawings of each held-out concept: ten from the training artists in turn, and up to two from each validation artist. */
export function selectHeldOutImages(): HeldOutSelection[] {
  const drawingsOf = (sets: readonly string[]) => sets.map((set) => readIconSet(set, import.meta.url));
  const [trainDrawings, valDrawings] = [drawingsOf(transferSets), drawingsOf(heldOutSets)];
  return heldOutConcepts.map((concept) => {
    const train = takeTurns(trainDrawings.map((icons) => showing(icons, concept))).slice(0, imagesPerConcept);
    const val = takeTurns(valDrawings.map((icons) => showing(icons, concept).slice(0, mostOfAnArtist)));
    if (train.length < imagesPerConcept) {
      throw new ThawError(
        'bad-data',
        `The icon sets have ${train.length} drawings of ${concept.name}, not ${imagesPerConcept}`,
      );
    }
    return { concept: concept.name, train, val };
  });
}

/** Draws them as PNG files, reproducibly: with random colours for ink and paper, and slightly varied sizes and angles. */
export async function drawHeldOutImages(folder: string): Promise<HeldOutImages> {
  const selections = selectHeldOutImages();
  const files = selections.flatMap(({ concept, train, val }) => [
    ...train.map((icon) => ({ icon, path: join(folder, 'train', concept) })),
    ...val.map((icon) => ({ icon, path: join(folder, 'val', concept) })),
  ]);
  for (const path of new Set(files.map(({ path }) => path))) await mkdir(path, { recursive: true });
  await Promise.all(
    files.map(async ({ icon, path }) => writeFile(join(path, `${icon.set}-${icon.name}.png`), await drawImage(icon))),
  );
  const count = (split: 'train' | 'val') => selections.reduce((sum, selection) => sum + selection[split].length, 0);
  return { folder, concepts: selections.map(({ concept }) => concept), train: count('train'), val: count('val') };
}

/** One drawing as PNG, `imageSide` x `imageSide`; its name seeds colours, size and angle. */
export async function drawImage(icon: Icon): Promise<Buffer> {
  const random = new Random(0, 'demo', icon.set, icon.name);
  const { ink, paper } = inkAndPaper(random);
  const look = {
    ink: css(ink),
    paper: css(paper),
    scale: random.between(0.65, 0.9),
    rotation: random.between(-10, 10),
  };
  return sharp(Buffer.from(svgOf(icon, imageSide, look)))
    .png()
    .toBuffer();
}

/** A set's drawings of a concept, without repeats. */
function showing(icons: readonly Icon[], { drawnAs, except }: HeldOutConcept): Icon[] {
  const set = iconSets.find(({ name }) => name === icons[0].set)!;
  const shown = icons.filter(
    ({ name }) => drawnAs.includes(conceptOf(name, set) ?? '') && !except.includes(`${set.name}:${name}`),
  );
  // Some sets have one drawing under two names.
  return [...new Map(shown.map((icon) => [icon.body, icon])).values()];
}

/** The first of each list, then the second of each, and so on. */
function takeTurns<T>(lists: readonly (readonly T[])[]): T[] {
  const longest = Math.max(...lists.map((list) => list.length));
  return Array.from({ length: longest }, (_, i) => lists.flatMap((list) => list.slice(i, i + 1))).flat();
}

function css(colour: Colour): string {
  return `rgb(${colour.map(Math.round).join(' ')})`;
}
