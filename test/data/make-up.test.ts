import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { datasetSummary, openDataset } from '../../src/data/node/index.ts';
import type { Pixels } from '../../src/data/pixels.ts';
import { Random } from '../../src/random.ts';
import { fromRgb, rgb } from './images.ts';

let folder: string;
const at = (split: string, label: string, name: string) => join(folder, split, label, name);

/** Soft blobs that differ for each seed. */
async function image(seed: number, width = 96, height = 64): Promise<Buffer> {
  const random = new Random(seed);
  const blobs = Array.from({ length: 5 }, () => ({
    x: random.between(0, width),
    y: random.between(0, height),
    colour: [0, 1, 2].map(() => random.between(-120, 120)),
  }));
  const pixels = rgb(width, height, (x, y) => {
    const near = blobs.map((blob) => Math.exp(-((blob.x - x) ** 2 + (blob.y - y) ** 2) / 400));
    const value = (c: number) => 128 + near.reduce((all, share, i) => all + share * blobs[i].colour[c], 0);
    return [0, 1, 2].map((c) => Math.round(Math.min(255, Math.max(0, value(c))))) as [number, number, number];
  });
  return fromRgb(pixels, width, height).png().toBuffer();
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'thaw-make-up-'));
  for (const split of ['train', 'val'])
    for (const label of ['a', 'b']) mkdirSync(join(folder, split, label), { recursive: true });
  for (let i = 0; i < 6; i++) writeFileSync(at('train', i % 2 ? 'b' : 'a', `${i}.png`), await image(i));
  writeFileSync(at('val', 'a', 'other.png'), await image(100));
  copyFileSync(at('train', 'a', '0.png'), at('val', 'a', 'copy.png'));
  const saved = sharp(at('train', 'b', '1.png'))
    .resize(60)
    .jpeg({ quality: 70 });
  await saved.toFile(at('val', 'a', 'smaller.jpg'));
  await sharp(at('train', 'b', '3.png'))
    .flop()
    .toFile(at('val', 'b', 'turned.png'));
  for (const split of ['train', 'val'])
    await sharp({ create: { width: 40, height: 40, channels: 3, background: '#fff' } }).toFile(
      at(split, 'b', 'white.png'),
    );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('reports sizes, formats and images in two splits', async () => {
  const found = await datasetSummary(await openDataset(folder));
  expect(found).toMatchObject({
    looked: 12,
    formats: [
      { format: 'png', count: 11 },
      { format: 'jpeg', count: 1 },
    ],
    sizes: { smallest: [40, 40], median: [96, 64], largest: [96, 64] },
  });
  const duplicates = found!.duplicates!.map(({ kind, train, other, split }) => [
    kind,
    basename(train.file),
    basename(other.file),
    split,
  ]);
  expect(duplicates).toEqual([
    ['same', '0.png', 'copy.png', 'val'],
    ['near', '1.png', 'smaller.jpg', 'val'],
    ['mirrored', '3.png', 'turned.png', 'val'],
  ]);
});

it('gives the same from already decoded images of any size', async () => {
  const dataset = await openDataset(folder);
  const files = [...dataset.train, ...dataset.val].map(({ file }) => file);
  const decoded = new Map<string, Pixels>();
  for (const [i, file] of files.entries()) {
    const resized = sharp(file)
      .removeAlpha()
      .resize(i % 2 ? 60 : 50, 48, { fit: 'fill' });
    const { data, info } = await resized.raw().toBuffer({ resolveWithObject: true });
    decoded.set(file, { data, width: info.width, height: info.height });
  }
  const asked: string[] = [];
  const of = (file: string) => {
    asked.push(file);
    return decoded.get(file);
  };
  expect(await datasetSummary(dataset, of)).toEqual(await datasetSummary(dataset));
  expect(asked).toEqual(files);
  // Uses the decoded image instead of the file.
  const plain = { data: new Uint8Array(48 * 48 * 3), width: 48, height: 48 };
  expect(await datasetSummary(dataset, () => plain)).toMatchObject({ duplicates: [] });
});

it('skips unreadable files', async () => {
  const missing = { file: join(folder, 'no.png'), label: 0 };
  const nothing = { classes: ['a'], train: [missing], val: [], test: [], problems: [] };
  expect(await datasetSummary(nothing)).toBeNull();
  const train = [missing, { file: at('train', 'a', '0.png'), label: 0 }];
  const val = [{ file: at('val', 'a', 'copy.png'), label: 0 }];
  expect(await datasetSummary({ ...nothing, train, val })).toMatchObject({
    looked: 2,
    duplicates: [{ kind: 'same', train: train[1] }],
  });
});
