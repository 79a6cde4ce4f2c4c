/** Tasks of emoji: the classes are the emoji of a category, and other artists draw the held-out images. */
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import sharp from 'sharp';
import { emojiName } from '../demo/emoji.ts';
import { type Icon, readIconSet, svgOf } from '../demo/icons.ts';

/** Iconify sets whose drawings train, and those whose drawings are held out. */
export const trainSets = ['noto', 'twemoji', 'openmoji', 'emojione-v1', 'fxemoji'] as const;
const heldOutSets = ['noto-v1', 'emojione', 'fluent-emoji-flat'] as const;
const allSets = [...trainSets, ...heldOutSets];

/** Pixels of a side. */
const SIDE = 96;

/** The most classes of a task. */
const MOST = 40;

export interface EmojiCategory {
  /** The name in the metadata of the set `noto`. */
  readonly category: string;
  /** Names that are not used, as `emojiName` spells them. */
  readonly except?: readonly string[];
}

interface EmojiClass {
  readonly name: string;
  /** The drawing of each set. */
  readonly icons: ReadonlyMap<string, Icon>;
}

/** The emoji that all sets draw, each once, in the order of their category; evenly chosen if there are too many. */
export function emojiClasses({ category, except = [] }: EmojiCategory): EmojiClass[] {
  const sets = new Map(allSets.map((set) => [set as string, iconsByName(set)]));
  const names = new Set(namesOf(category));
  const byDrawing = new Map<string, EmojiClass>();
  for (const name of names) {
    const icons = [...sets].flatMap(([set, named]) => (named.has(name) ? [[set, named.get(name)!] as const] : []));
    if (icons.length < sets.size) continue;
    const { body } = sets.get('noto')!.get(name)!;
    if (!byDrawing.has(body)) byDrawing.set(body, { name, icons: new Map(icons) });
  }
  const classes = [...byDrawing.values()].filter(({ name }) => !except.includes(name));
  if (classes.length <= MOST) return classes;
  return Array.from({ length: MOST }, (_, i) => classes[Math.floor((i * classes.length) / MOST)]);
}

/** Writes `folder/train/EMOJI/SET.png` and `folder/held-out/EMOJI/SET.png`. @param training the sets whose drawings train */
export async function drawEmoji(
  folder: string,
  category: EmojiCategory,
  training: readonly string[] = trainSets,
): Promise<void> {
  for (const { name, icons } of emojiClasses(category)) {
    for (const [part, sets] of Object.entries({ train: training, 'held-out': heldOutSets })) {
      const path = join(folder, part, name);
      await mkdir(path, { recursive: true });
      for (const set of sets) await writeFile(join(path, `${set}.png`), await drawImage(icons.get(set)!));
    }
  }
}

/** On white. */
const drawImage = (icon: Icon): Promise<Buffer> =>
  sharp(Buffer.from(svgOf(icon, SIDE, { paper: '#fff' })))
    .png()
    .toBuffer();

function iconsByName(set: string): Map<string, Icon> {
  const named = new Map<string, Icon>();
  for (const icon of readIconSet(set, import.meta.url)) {
    for (const name of [icon.name, ...icon.aliases].map(emojiName)) if (!named.has(name)) named.set(name, icon);
  }
  return named;
}

function namesOf(category: string): string[] {
  const path = createRequire(import.meta.url).resolve('@iconify-json/noto/metadata.json');
  const { categories }: { categories: Record<string, string[]> } = JSON.parse(readFileSync(path, 'utf8'));
  return categories[category].map(emojiName);
}
