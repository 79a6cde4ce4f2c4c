/**
 * Draws the pretraining set once: `npm ci --prefix scripts/pretrain && npx tsx scripts/pretrain/render.ts` writes a raw file of
 * coverage maps, one byte per pixel, and an index that describes them into `.cache/pretrain`.
 */
import { mkdir, open, readFile, rename, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { ThawError } from '../../src/errors.ts';
import { type Icon, readIconSet, svgOf } from '../demo/icons.ts';
import { selectImages } from './concepts.ts';
import { iconSets } from './sets.ts';

/** Pixels per side of a coverage map: slightly more than the model's input, so that enlarged drawings stay sharp. */
export const mapSide = 96;

/** The folder of the maps; git ignores it. */
export const cacheFolder = fileURLToPath(new URL('../../.cache/pretrain/', import.meta.url));

export interface RenderedImage {
  readonly set: string;
  readonly name: string;
  readonly label: number;
  readonly split: 'train' | 'val';
}

export interface RenderedSet {
  readonly concepts: readonly string[];
  readonly images: readonly RenderedImage[];
  /** `mapSide` x `mapSide` bytes per image, in the images' order: 255 for full ink, 0 for none. */
  readonly coverage: Uint8Array;
}

/** The amount of ink in each pixel, 0 to 255, row by row. */
export async function coverageOf(icon: Icon): Promise<Uint8Array> {
  return sharp(Buffer.from(svgOf(icon, mapSide)))
    .ensureAlpha()
    .extractChannel(3)
    .raw()
    .toBuffer();
}

/** Draws all images into `folder`. */
export async function renderPretrainingSet(folder = cacheFolder): Promise<void> {
  const drawings = new Map(iconSets.map(({ name }) => [name, readIconSet(name, import.meta.url)]));
  const { concepts, images } = selectImages(drawings);
  await mkdir(folder, { recursive: true });
  const partial = join(folder, 'coverage.bin.partial');
  const file = await open(partial, 'w');
  let next = 0;
  const work = async () => {
    for (let i = next++; i < images.length; i = next++) {
      await file.write(await coverageOf(images[i].icon), 0, mapSide * mapSide, i * mapSide * mapSide);
    }
  };
  try {
    await Promise.all(Array.from({ length: 2 * availableParallelism() }, work));
  } finally {
    await file.close();
  }
  const index = images.map(({ icon, label, split }) => ({ set: icon.set, name: icon.name, label, split }));
  await writeFile(join(folder, 'classes.json'), `${JSON.stringify(concepts, null, 1)}\n`);
  await writeFile(join(folder, 'index.json'), JSON.stringify({ mapSide, concepts, images: index }));
  await rename(partial, join(folder, 'coverage.bin'));
}

/** Reads the output of `renderPretrainingSet`. */
export async function readPretrainingSet(folder = cacheFolder): Promise<RenderedSet> {
  let index: string;
  let coverage: Uint8Array;
  try {
    index = await readFile(join(folder, 'index.json'), 'utf8');
    coverage = await readFile(join(folder, 'coverage.bin'));
  } catch (cause) {
    throw new ThawError('not-found', `No pretraining set in ${folder}`, 'Run scripts/pretrain/render.ts first', {
      cause,
    });
  }
  const { concepts, images } = JSON.parse(index) as Omit<RenderedSet, 'coverage'>;
  if (coverage.length !== images.length * mapSide * mapSide) {
    throw new ThawError(
      'bad-data',
      `${folder} holds ${coverage.length} bytes for ${images.length} images`,
      'Run scripts/pretrain/render.ts again',
    );
  }
  return { concepts, images, coverage };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const started = performance.now();
  await renderPretrainingSet();
  const { concepts, images } = await readPretrainingSet();
  const val = images.filter(({ split }) => split === 'val').length;
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  console.error(
    `${concepts.length} concepts, ${images.length - val} images to train on and ${val} to validate, in ${seconds} s`,
  );
}
