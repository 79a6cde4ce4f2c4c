/**
 * Renders an invented run's report, to look at while working on its design:
 *
 *     npx tsx scripts/report-preview.ts report.html [number of classes] [folder of images]
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { warmth } from '../src/report/charts/colour.ts';
import { renderReport } from '../src/report/index.ts';
import { fixture } from '../test/report/fixture.ts';

const NAMES = [
  'ant',
  'bee',
  'butterfly',
  'cicada',
  'cricket',
  'dragonfly',
  'firefly',
  'hoverfly',
  'lacewing',
  'mantis',
  'moth',
  'wasp',
];

/** Images of a folder, or drawn ones, as small data URLs. */
async function thumbnails(folder: string | undefined): Promise<string[]> {
  const files = folder
    ? (await readdir(folder, { recursive: true })).filter((file) => /\.(jpe?g|png|webp)$/i.test(file)).slice(0, 24)
    : [];
  const sources = folder
    ? await Promise.all(files.map((file) => readFile(join(folder, file))))
    : Array.from({ length: 12 }, (_, i) =>
        Buffer.from(
          `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><rect width="8" height="8" fill="${warmth((i % 5) / 4)}"/><circle cx="${2 + (i % 4)}" cy="${3 + (i % 3)}" r="${1 + (i % 3) / 2}" fill="${warmth(1 - (i % 7) / 6)}"/></svg>`,
        ),
      );
  return Promise.all(
    sources.map(async (source) => {
      const bytes = await sharp(source).autoOrient().resize(160, 160).jpeg({ quality: 80 }).toBuffer();
      return `data:image/jpeg;base64,${bytes.toString('base64')}`;
    }),
  );
}

const [path, number = '2', folder] = process.argv.slice(2);
if (!path) {
  console.error('Usage: npx tsx scripts/report-preview.ts report.html [number of classes] [folder of images]');
  process.exit(2);
}
const classes = Array.from(
  { length: Number(number) },
  (_, i) => NAMES[i] ?? `${NAMES[i % NAMES.length]} ${Math.floor(i / NAMES.length) + 1}`,
);
const data = fixture(classes, await thumbnails(folder));
await writeFile(
  path,
  renderReport({
    ...data,
    comparison: [
      { name: 'From scratch', accuracy: 0.61, seconds: 71.2 },
      { name: 'Head only', accuracy: 0.941, seconds: 10.4 },
      { name: 'Gradual thawing', accuracy: data.after.accuracy, seconds: data.seconds },
    ],
  }),
);
console.log(path);
