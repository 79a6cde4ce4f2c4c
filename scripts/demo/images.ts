/** Draws the demo's images from emoji sets that `npm ci` installs. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { type Artist, type EmojiClass, emojiClasses, emojiName, emojiSets, trainArtists, valArtists } from './emoji.ts';
import { type Icon, readIconSet, svgOf } from './icons.ts';

/** Pixels a side. */
export const imageSide = 128;

/** Which artists' drawings to train on, and which to validate with. */
export interface Split {
  readonly train: readonly Artist[];
  readonly val: readonly Artist[];
}

/** What `npm run demo` measures. */
export const demoSplit: Split = { train: trainArtists, val: valArtists };

/** A split of the training artists alone, for choosing settings: `artist` validates, the other two train. */
export function developmentSplit(artist: (typeof trainArtists)[number]): Split {
  return { train: trainArtists.filter((other) => other !== artist), val: [artist] };
}

export interface ClassDrawings {
  readonly name: string;
  readonly train: readonly Icon[];
  readonly val: readonly Icon[];
}

/** Number of images. */
export interface DemoImages {
  readonly classes: number;
  readonly train: number;
  readonly val: number;
}

export function selectDrawings({ train, val }: Split = demoSplit): ClassDrawings[] {
  const read = (artists: readonly Artist[]) =>
    emojiSets
      .filter(({ artist }) => artists.includes(artist))
      .flatMap(({ name }) => readIconSet(name, import.meta.url));
  const [trainIcons, valIcons] = [read(train), read(val)];
  return emojiClasses.map((emojiClass) => ({
    name: emojiClass.name,
    train: showing(trainIcons, emojiClass),
    val: showing(valIcons, emojiClass),
  }));
}

/** Writes `folder/train/CLASS/SET-NAME.png` and `folder/val/CLASS/SET-NAME.png`, the layout that `thaw train` reads. */
export async function drawImages(folder: string, split: Split = demoSplit): Promise<DemoImages> {
  const selected = selectDrawings(split);
  for (const { name, train, val } of selected) {
    for (const [part, icons] of Object.entries({ train, val })) {
      const path = join(folder, part, name);
      await mkdir(path, { recursive: true });
      await Promise.all(
        icons.map(async (icon) => writeFile(join(path, `${icon.set}-${icon.name}.png`), await drawImage(icon))),
      );
    }
  }
  const count = (part: 'train' | 'val') => selected.reduce((sum, drawings) => sum + drawings[part].length, 0);
  return { classes: selected.length, train: count('train'), val: count('val') };
}

/** One emoji on white as PNG. */
export function drawImage(icon: Icon): Promise<Buffer> {
  return sharp(Buffer.from(svgOf(icon, imageSide, { paper: '#fff' })))
    .png()
    .toBuffer();
}

/** The drawings of a class, each once: some sets have one drawing under two names. */
function showing(icons: readonly Icon[], { emoji }: EmojiClass): Icon[] {
  const shown = icons.filter(({ name, aliases }) => [name, ...aliases].some((n) => emoji.includes(emojiName(n))));
  return [...new Map(shown.map((icon) => [icon.body, icon])).values()];
}
