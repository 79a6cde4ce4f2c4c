import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { heldOutConcepts, heldOutSets, transferSets } from '../../scripts/pretrain/held-out.ts';
import {
  drawHeldOutImages,
  type HeldOutImages,
  imageSide,
  selectHeldOutImages,
} from '../../scripts/pretrain/held-out-images.ts';
import { iconSets } from '../../scripts/pretrain/sets.ts';

let folder: string;
let drawn: HeldOutImages;
const selections = selectHeldOutImages();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'thaw-held-out-'));
  drawn = await drawHeldOutImages(join(folder, 'first'));
}, 60_000);
afterAll(() => rm(folder, { recursive: true }));

const artistOf = (name: string) => iconSets.find((set) => set.name === name)!.artist;

async function filesOf(split: string): Promise<string[]> {
  return (await readdir(join(drawn.folder, split), { recursive: true })).filter((file) => file.endsWith('.png')).sort();
}

test('eighteen concepts, ten training images each, at least four to validate', async () => {
  expect(drawn.concepts).toHaveLength(18);
  expect(drawn.concepts).toEqual([...drawn.concepts].sort());
  const [train, val] = [await filesOf('train'), await filesOf('val')];
  expect([train.length, val.length]).toEqual([drawn.train, drawn.val]);
  for (const concept of drawn.concepts) {
    expect(
      train.filter((file) => file.startsWith(`${concept}/`)),
      concept,
    ).toHaveLength(10);
    expect(val.filter((file) => file.startsWith(`${concept}/`)).length, concept).toBeGreaterThanOrEqual(4);
  }
});

test('no artist is on both sides, and each concept has several on either', () => {
  const trainArtists = new Set(transferSets.map(artistOf));
  expect(heldOutSets.filter((set) => trainArtists.has(artistOf(set)))).toEqual([]);
  for (const { concept, train, val } of selections) {
    expect(new Set(train.map(({ set }) => artistOf(set))).size, concept).toBeGreaterThanOrEqual(5);
    expect(new Set(val.map(({ set }) => artistOf(set))).size, concept).toBeGreaterThanOrEqual(3);
  }
});

test('no drawing is used twice', () => {
  const bodies = selections.flatMap(({ train, val }) => [...train, ...val].map(({ body }) => body));
  expect(new Set(bodies).size).toBe(bodies.length);
});

test('an image is opaque, of its size, and shows ink on paper', async () => {
  const [file] = await filesOf('val');
  const { data, info } = await sharp(join(drawn.folder, 'val', file))
    .removeAlpha()
    .greyscale()
    .raw()
    .toBuffer({ resolveWithObject: true });
  expect([info.width, info.height]).toEqual([imageSide, imageSide]);
  const paper = data[0];
  const inked = data.filter((level) => Math.abs(level - paper) > 40).length / data.length;
  expect(inked).toBeGreaterThan(0.02);
  expect(inked).toBeLessThan(0.7);
  expect((await sharp(join(drawn.folder, 'val', file)).stats()).isOpaque).toBe(true);
});

test('drawn again, every image is the same', async () => {
  const again = await drawHeldOutImages(join(folder, 'second'));
  const hash = async (path: string) =>
    createHash('sha256')
      .update(await readFile(path))
      .digest('hex');
  for (const split of ['train', 'val']) {
    for (const file of await filesOf(split)) {
      expect(await hash(join(again.folder, split, file)), file).toBe(await hash(join(drawn.folder, split, file)));
    }
  }
}, 60_000);

test('exceptions name drawings of the sets in use', () => {
  const sets = new Set<string>([...transferSets, ...heldOutSets]);
  for (const { except } of heldOutConcepts) for (const drawing of except) expect(sets).toContain(drawing.split(':')[0]);
});
