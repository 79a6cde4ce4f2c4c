/**
 * Makes a large data set of JPEGs: emoji of several icon sets, turned and scaled, on random crops of photographs. A class is an emoji.
 *
 *     npx tsx scripts/bench/many-images.ts OUT PHOTOGRAPHS [--classes 1000] [--images 100]
 *
 * PHOTOGRAPHS is a folder of JPEGs. An image has 256 to 400 pixels per side and about 20 kB. The same arguments give the same images.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import sharp, { type OutputInfo } from 'sharp';
import { mapConcurrently } from '../../src/data/concurrency.ts';
import { listFiles } from '../../src/data/node/listing.ts';
import { Random } from '../../src/random.ts';
import { readIconSet, svgOf } from '../demo/icons.ts';

interface Pixels {
  readonly data: Buffer;
  readonly info: OutputInfo;
}

const SETS = ['noto', 'twemoji', 'emojione', 'fluent-emoji-flat'];
/** Pixels per side of an emoji before it is turned and scaled. */
const ICON = 192;
/** Length of a photograph's shorter side. */
const PHOTOGRAPH = 480;
const CONCURRENCY = 8;
/** Images of a scene. */
const CROPS = 4;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { classes: { type: 'string', default: '1000' }, images: { type: 'string', default: '100' } },
});
const [out, photographs] = positionals;
if (!out || !photographs) {
  console.error('Usage: npx tsx scripts/bench/many-images.ts OUT PHOTOGRAPHS [--classes N] [--images N]');
  process.exit(2);
}

const sets = SETS.map((name) => readIconSet(name, import.meta.url));
const names = sets[0]
  .map(({ name }) => name)
  .filter((name) => !/tone|-(light|dark)/.test(name) && sets.every((set) => set.some((icon) => icon.name === name)))
  .slice(0, Number(values.classes));
if (names.length < Number(values.classes)) throw new Error(`the icon sets share only ${names.length} names`);
sharp.concurrency(1);
const backgrounds = await readPhotographs(photographs);
await mapConcurrently(names, CONCURRENCY, drawClass);

/** Photographs as pixels, which are faster to crop than files. */
async function readPhotographs(folder: string): Promise<Pixels[]> {
  const files = (await listFiles(folder)).filter((name) => /\.jpe?g$/i.test(name));
  return mapConcurrently(files, CONCURRENCY, (file) =>
    sharp(file)
      .resize(PHOTOGRAPH, PHOTOGRAPH, { fit: 'outside' })
      .toColourspace('srgb')
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true }),
  );
}

async function drawClass(name: string): Promise<void> {
  const folder = join(out, name);
  await mkdir(folder, { recursive: true });
  const drawings = await Promise.all(
    sets.map((set) =>
      sharp(Buffer.from(svgOf(set.find((icon) => icon.name === name)!, ICON)))
        .ensureAlpha()
        .raw()
        .toBuffer({ resolveWithObject: true }),
    ),
  );
  for (let i = 0; i < Number(values.images); i += CROPS) {
    const random = new Random(0, name, i);
    const scene = await drawScene(drawings[(i / CROPS) % drawings.length], random);
    for (let k = i; k < Math.min(i + CROPS, Number(values.images)); k++)
      await writeFile(join(folder, `${String(k).padStart(3, '0')}.jpg`), await cropOf(scene, random));
  }
}

/** A photograph in other colours, with an emoji near the middle. */
async function drawScene(drawing: Pixels, random: Random): Promise<Pixels> {
  const { data, info } = backgrounds[random.below(backgrounds.length)];
  const icon = await sharp(drawing.data, { raw: drawing.info })
    .rotate(random.between(-40, 40), { background: '#0000' })
    .resize(96 + random.below(125))
    .raw()
    .toBuffer({ resolveWithObject: true });
  const [left, top] = [icon.info.width, icon.info.height].map((side) => Math.round((PHOTOGRAPH - side) / 2));
  // Gains per channel change the colours much faster than a conversion to another colour space.
  const gains = [0, 1, 2].map(() => random.between(0.5, 1.2));
  return sharp(data, { raw: info })
    .extract({
      ...{ left: random.below(info.width - PHOTOGRAPH + 1), top: random.below(info.height - PHOTOGRAPH + 1) },
      ...{ width: PHOTOGRAPH, height: PHOTOGRAPH },
    })
    .linear(gains, [0, 0, 0])
    .composite([{ input: icon.data, raw: icon.info, left, top }])
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
}

/** A random part of a scene. */
async function cropOf({ data, info }: Pixels, random: Random): Promise<Buffer> {
  const [width, height] = [0, 1].map(() => 256 + random.below(145));
  const [left, top] = [width, height].map((side) => random.below(PHOTOGRAPH - side + 1));
  return sharp(data, { raw: info }).extract({ left, top, width, height }).jpeg({ quality: 78 }).toBuffer();
}
