/** The task of texts: names and keywords of emoji, by their Unicode group. */
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { ThawError } from '../../src/errors.ts';
import { Random } from '../../src/random.ts';
import { csvOf } from '../../src/report/csv.ts';

/** Texts of a class. */
const SIZE = { train: 40, heldOut: 60 };

interface Emoji {
  readonly emoji: string;
  readonly label: string;
  readonly tags?: readonly string[];
  /** Index of its group. Letters of flags have none. */
  readonly group?: number;
}

/** Skin tones and hair, which are no emoji on their own. */
const COMPONENTS = 'component';

/** Joins the emoji of a sequence, such as a woman and a rocket. */
const JOINER = '\u200d';

export interface ClassTexts {
  readonly label: string;
  readonly train: readonly string[];
  readonly heldOut: readonly string[];
}

/** Draws the texts of each class at random, always the same. Leaves out sequences: most are one emoji for another gender. */
export function selectTexts(): ClassTexts[] {
  const groups: Record<string, string> = read('meta/groups.json').groups;
  const emoji: Emoji[] = read('en/data.json').filter(({ emoji }: Emoji) => !emoji.includes(JOINER));
  return Object.entries(groups)
    .filter(([, label]) => label !== COMPONENTS)
    .map(([group, label]) => {
      const texts = new Set(emoji.filter((one) => one.group === Number(group)).map(textOf));
      const drawn = new Random(0, 'texts', label).shuffle([...texts]);
      return { label, train: drawn.slice(0, SIZE.train), heldOut: drawn.slice(SIZE.train, SIZE.train + SIZE.heldOut) };
    });
}

/** Writes `folder/train.csv` and `folder/held-out.csv`. */
export async function drawTexts(folder: string): Promise<void> {
  const selected = selectTexts();
  await mkdir(folder, { recursive: true });
  for (const [part, name] of [
    ['train', 'train.csv'],
    ['heldOut', 'held-out.csv'],
  ] as const) {
    const rows = selected.flatMap((one) => one[part].map((text) => [text, one.label]));
    await writeFile(join(folder, name), csvOf([['text', 'label'], ...rows]));
  }
}

const textOf = ({ label, tags = [] }: Emoji): string => `${label}: ${tags.join(', ')}`;

function read(file: string) {
  try {
    return JSON.parse(readFileSync(createRequire(import.meta.url).resolve(`emojibase-data/${file}`), 'utf8'));
  } catch {
    throw new ThawError(
      'not-found',
      'The package emojibase-data is not installed',
      'Run `npm ci --prefix scripts/defaults`',
    );
  }
}
