import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { emojiClasses, emojiName, emojiSets, trainArtists, valArtists } from '../../scripts/demo/emoji.ts';
import { readIconSet } from '../../scripts/demo/icons.ts';
import {
  type DemoImages,
  demoSplit,
  developmentSplit,
  drawImages,
  imageSide,
  selectDrawings,
} from '../../scripts/demo/images.ts';

let folder: string;
let drawn: DemoImages;
const selected = selectDrawings();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'thaw-demo-'));
  drawn = await drawImages(join(folder, 'first'));
}, 60_000);
afterAll(() => rm(folder, { recursive: true }));

const artistOf = (set: string) => emojiSets.find(({ name }) => name === set)!.artist;

async function imagesOf(part: string): Promise<string[]> {
  const files = await readdir(join(folder, 'first', part), { recursive: true });
  return files.filter((file) => file.endsWith('.png')).sort();
}

describe.each([
  { name: 'the demo', split: demoSplit },
  ...trainArtists.map((artist) => ({ name: `development on ${artist}`, split: developmentSplit(artist) })),
])('$name', ({ split }) => {
  const drawings = selectDrawings(split);

  test('no artist is on both sides', () => {
    expect(split.train.length).toBeGreaterThan(0);
    expect(split.val.filter((artist) => split.train.includes(artist))).toEqual([]);
    for (const { name, train, val } of drawings) {
      for (const { set } of train) expect(split.train, name).toContain(artistOf(set));
      for (const { set } of val) expect(split.val, name).toContain(artistOf(set));
    }
  });

  test('no drawing is used twice', () => {
    const bodies = drawings.flatMap(({ train, val }) => [...train, ...val].map(({ body }) => body));
    expect(new Set(bodies).size).toBe(bodies.length);
  });
});

test('development sees no drawing of the artists that measure the demo', () => {
  for (const artist of trainArtists) {
    const { train, val } = developmentSplit(artist);
    for (const measuring of valArtists) expect([...train, ...val]).not.toContain(measuring);
  }
});

test('every artist draws every class', () => {
  for (const { name, train, val } of selected) {
    expect(new Set(train.map(({ set }) => artistOf(set))), name).toEqual(new Set(trainArtists));
    expect(new Set(val.map(({ set }) => artistOf(set))), name).toEqual(new Set(valArtists));
  }
});

test('every name of a class is that of an emoji, and belongs to one class only', () => {
  const names = new Set(
    emojiSets.flatMap(({ name }) =>
      readIconSet(name, import.meta.url).flatMap((icon) => [icon.name, ...icon.aliases].map(emojiName)),
    ),
  );
  const all = emojiClasses.flatMap(({ emoji }) => emoji);
  expect(all.filter((name) => !names.has(name))).toEqual([]);
  expect(new Set(all).size).toBe(all.length);
});

test('the pretraining had none of the classes', async () => {
  const config = JSON.parse(await readFile(new URL('../../artifacts/default/config.json', import.meta.url), 'utf8'));
  const words = new Set((Object.values(config.id2label) as string[]).flatMap((concept) => concept.split('-')));
  expect(words).toContain('cat');
  for (const { name, train, val } of selected) {
    const used = [...train, ...val].flatMap((icon) => icon.name.split('-'));
    const named = [name, ...used].filter((word) => words.has(word) && !NO_ANIMALS.has(word));
    expect(named, name).toEqual([]);
  }
});

/** Words of the emoji's names that say nothing about the animal. */
const NO_ANIMALS = new Set(['front', 'two']);

test('licences allow use and changes, without share-alike', () => {
  const require = createRequire(import.meta.url);
  for (const { name } of emojiSets) {
    const { license } = require(`@iconify-json/${name}/info.json`);
    expect(['Apache-2.0', 'CC-BY-4.0', 'MIT'], name).toContain(license.spdx);
  }
});

test('the files are those that were selected', async () => {
  for (const part of ['train', 'val'] as const) {
    const files = selected.flatMap((one) => one[part].map((icon) => join(one.name, `${icon.set}-${icon.name}.png`)));
    expect(await imagesOf(part)).toEqual(files.sort());
    expect(drawn[part]).toBe(files.length);
  }
  expect(drawn.classes).toBe(emojiClasses.length);
});

test('an image is opaque, of its size, in colour, on white', async () => {
  for (const set of emojiSets) {
    const part = trainArtists.some((artist) => artist === set.artist) ? 'train' : 'val';
    const file = (await imagesOf(part)).find((path) => path.includes(`${set.name}-pig`))!;
    const path = join(folder, 'first', part, file);
    const { data, info } = await sharp(path).raw().toBuffer({ resolveWithObject: true });
    expect([info.width, info.height], file).toEqual([imageSide, imageSide]);
    expect((await sharp(path).stats()).isOpaque, file).toBe(true);
    const pixel = (i: number) => [...data.subarray(i * info.channels, i * info.channels + 3)];
    const pixels = Array.from({ length: imageSide * imageSide }, (_, i) => pixel(i));
    const share = (of: (pixel: number[]) => boolean) => pixels.filter(of).length / pixels.length;
    expect(
      share((rgb) => Math.min(...rgb) === 255),
      file,
    ).toBeGreaterThan(0.1);
    expect(
      share((rgb) => Math.max(...rgb) - Math.min(...rgb) > 30),
      file,
    ).toBeGreaterThan(0.1);
  }
});

test('drawn again, every image is the same', async () => {
  await drawImages(join(folder, 'second'));
  const hash = async (...path: string[]) =>
    createHash('sha256')
      .update(await readFile(join(folder, ...path)))
      .digest('hex');
  for (const part of ['train', 'val']) {
    for (const file of await imagesOf(part)) {
      expect(await hash('second', part, file), file).toBe(await hash('first', part, file));
    }
  }
}, 60_000);
