// Tables of tasks other than classification, made of photographs in class folders (`DATA/train/CLASS`, `DATA/val/CLASS`, of one data set or
// several): `labels` (collages of one to three photographs, labelled by the classes in them), `angle` (photographs turned by up to 45
// degrees, to be told in degrees), `brightness` (times 0.5 to 1.5). docs/tasks.md has what training makes of them.
//   npx tsx scripts/tasks/tables.ts OUT DATA…
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import sharp from 'sharp';
import { Random } from '../../src/random.ts';

const SIDE = 256;
const COLLAGES = { train: 240, val: 120 };
const SPLITS = ['train', 'val'] as const;
type Split = (typeof SPLITS)[number];

interface Photograph {
  readonly file: string;
  readonly label: string;
}

const [out, ...folders] = process.argv.slice(2);
const photographs = (split: Split): Photograph[] =>
  folders.flatMap((folder) =>
    readdirSync(join(folder, split)).flatMap((label) =>
      readdirSync(join(folder, split, label))
        .filter((name) => /\.jpe?g$/i.test(name))
        .map((name) => ({ file: join(folder, split, label, name), label })),
    ),
  );

await table('labels', 'labels', async (split, add) => {
  const classes = byLabel(photographs(split));
  for (let i = 0; i < COLLAGES[split]; i++) {
    const random = new Random(0, 'collage', split, i);
    const labels = random.shuffle([...classes.keys()]).slice(0, 1 + random.below(3));
    const places = random.shuffle([0, 1, 2, 3]);
    const tiles = await Promise.all(
      labels.map(async (label, n) => ({
        input: await square(pick(random, classes.get(label)!).file, SIDE / 2),
        left: (places[n] % 2) * (SIDE / 2),
        top: Math.floor(places[n] / 2) * (SIDE / 2),
      })),
    );
    const grey = { r: 124, g: 116, b: 104 };
    const empty = sharp({ create: { width: SIDE, height: SIDE, channels: 3, background: grey } });
    await add(await empty.composite(tiles).jpeg({ quality: 92 }).toBuffer(), labels.join('|'));
  }
});

await table('angle', 'angle', async (split, add) => {
  for (const { file } of photographs(split)) {
    const angle = new Random(0, 'angle', split, basename(file)).between(-45, 45);
    // The middle of the turned square that no corner reaches: 1/√2 of its side.
    const whole = await sharp(await square(file, 2 * SIDE))
      .rotate(angle)
      .toBuffer({ resolveWithObject: true });
    const inner = Math.floor((2 * SIDE) / Math.SQRT2);
    const [left, top] = [whole.info.width, whole.info.height].map((side) => Math.floor((side - inner) / 2));
    const middle = sharp(whole.data).extract({ left, top, width: inner, height: inner }).resize(SIDE, SIDE);
    await add(await middle.jpeg({ quality: 92 }).toBuffer(), angle.toFixed(2));
  }
});

await table('brightness', 'brightness', async (split, add) => {
  for (const { file } of photographs(split)) {
    const factor = new Random(0, 'brightness', split, basename(file)).between(0.5, 1.5);
    const changed = sharp(await square(file, SIDE)).linear(factor, 0);
    await add(await changed.jpeg({ quality: 92 }).toBuffer(), factor.toFixed(3));
  }
});

async function table(
  name: string,
  column: string,
  fill: (split: Split, add: (image: Buffer, value: string) => Promise<void>) => Promise<void>,
): Promise<void> {
  const rows = [`file_name,${column},split`];
  mkdirSync(join(out, name), { recursive: true });
  for (const split of SPLITS) {
    await fill(split, async (image, value) => {
      const file = `${split}-${rows.length}.jpg`;
      writeFileSync(join(out, name, file), image);
      rows.push(`${file},${value},${split}`);
    });
  }
  writeFileSync(join(out, name, 'metadata.csv'), `${rows.join('\n')}\n`);
}

function square(file: string, side: number): Promise<Buffer> {
  return sharp(file).rotate().resize(side, side, { fit: 'cover' }).png().toBuffer();
}

function pick<T>(random: Random, items: readonly T[]): T {
  return items[random.below(items.length)];
}

function byLabel(all: readonly Photograph[]): Map<string, Photograph[]> {
  const groups = new Map<string, Photograph[]>();
  for (const one of all) groups.set(one.label, [...(groups.get(one.label) ?? []), one]);
  return groups;
}
