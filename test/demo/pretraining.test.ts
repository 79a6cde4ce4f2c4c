import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { iconsOf, readIconSet } from '../../scripts/demo/icons.ts';
import { isHeldOut, leastSets, mostDrawings, namesHeldOut, selectImages } from '../../scripts/pretrain/concepts.ts';
import { heldOutConcepts, heldOutSets, transferSets } from '../../scripts/pretrain/held-out.ts';
import { selectHeldOutImages } from '../../scripts/pretrain/held-out-images.ts';
import { inputSide, paint, plainLook } from '../../scripts/pretrain/paint.ts';
import { mapSide, type RenderedSet } from '../../scripts/pretrain/render.ts';
import { iconSets } from '../../scripts/pretrain/sets.ts';
import { IconSource, isMirrorable, preprocessing } from '../../scripts/pretrain/source.ts';
import type { Batch } from '../../src/data/index.ts';
import { Random } from '../../src/random.ts';

const pixelsOf = ({ inputs }: Batch) => inputs[0].data as Float32Array;

/** The sets that the root installs: thirteen of the pretraining's, enough to select from. */
const drawings = new Map([...transferSets, ...heldOutSets].map((set) => [set, readIconSet(set, import.meta.url)]));
const selected = selectImages(drawings);

test('pretraining takes concepts that many draw, at most three drawings a set', () => {
  expect(selected.concepts.length).toBeGreaterThan(150);
  expect(new Set(selected.concepts).size).toBe(selected.concepts.length);
  for (const label of selected.concepts.keys()) {
    const sets = selected.images.filter((image) => image.label === label).map(({ icon }) => icon.set);
    expect(new Set(sets).size, selected.concepts[label]).toBeGreaterThanOrEqual(leastSets);
    for (const set of sets) expect(sets.filter((other) => other === set).length).toBeLessThanOrEqual(mostDrawings);
  }
});

test('pretraining shows nothing of the held-out concepts', () => {
  for (const { name, drawnAs } of heldOutConcepts) {
    expect(namesHeldOut(name)).toBe(true);
    for (const concept of drawnAs) expect(selected.concepts).not.toContain(concept);
  }
  const heldOut = new Set(
    selectHeldOutImages().flatMap(({ train, val }) => [...train, ...val].map(({ body }) => body)),
  );
  expect(selected.images.filter(({ icon }) => heldOut.has(icon.body))).toEqual([]);
  for (const { icon } of selected.images) expect([icon.name, ...icon.aliases].filter(namesHeldOut)).toEqual([]);
});

test.each(['camera-video', 'video-camera-off', 'photo-camera', 'bell-slash', 'tree-palm', 'headset', 'key2'])(
  'the compound %s stays out of pretraining',
  (name) => expect(namesHeldOut(name)).toBe(true),
);

test('a drawing that hides behind another name stays out', () => {
  const toy = (set: string) => iconsOf(set, { icons: { alert: { body: `<path d="${set}"/>` } } });
  const { concepts, images } = selectImages(new Map(iconSets.map(({ name }) => [name, toy(name)])));
  expect(concepts).toEqual(['alert']);
  // Fluent's alert is a bell.
  expect(images.map(({ icon }) => icon.set)).toEqual(
    iconSets.map(({ name }) => name).filter((name) => name !== 'fluent'),
  );
});

test('words that only begin alike stay in', () => {
  for (const name of ['keyboard', 'street', 'business', 'mic-off']) expect(namesHeldOut(name)).toBe(false);
});

test('the artists that validate held-out concepts are not trained on', () => {
  for (const { icon, split } of selected.images) expect(split).toBe(isHeldOut(icon.set) ? 'val' : 'train');
  const artist = new Map(iconSets.map((set) => [set.name, set.artist]));
  const heldOut = new Set(heldOutSets.map((set) => artist.get(set)));
  expect(iconSets.filter((set) => !isHeldOut(set.name) && heldOut.has(set.artist))).toEqual([]);
});

test('an alias that turns its parent is a drawing, one that renames it is a name', () => {
  const icons = iconsOf('toy', {
    width: 24,
    height: 24,
    icons: { up: { body: '<path d="M0 0"/>' }, old: { body: '<g/>', hidden: true } },
    aliases: { right: { parent: 'up', rotate: 1 }, left: { parent: 'right', hFlip: true }, north: { parent: 'up' } },
  });
  expect(icons.map(({ name }) => name)).toEqual(['up', 'right', 'left']);
  expect(icons[0].aliases).toEqual(['north']);
  expect(icons[1].body).toContain('rotate(90) scale(1 1)');
  expect(icons[2].body).toContain('rotate(90) scale(-1 1)');
});

/** Three drawings of two concepts: a bar on the left, one on the right, a full square held out. */
function toySet(): RenderedSet {
  const area = mapSide * mapSide;
  const coverage = new Uint8Array(3 * area);
  for (let i = 0; i < area; i++) {
    const x = i % mapSide;
    coverage[i] = x < mapSide / 4 ? 255 : 0;
    coverage[area + i] = x >= (3 * mapSide) / 4 ? 255 : 0;
    coverage[2 * area + i] = 255;
  }
  const image = (label: number, split: 'train' | 'val') => ({ set: 'toy', name: `${label}`, label, split });
  return {
    concepts: ['arrow-left', 'square'],
    images: [image(0, 'train'), image(1, 'train'), image(1, 'val')],
    coverage,
  };
}

async function read(source: IconSource, epoch: number, batchSize: number, from = 0) {
  const batches = [];
  for await (const batch of source.batches({ epoch, batchSize, from })) batches.push(batch);
  return batches;
}

test('the same seed, epoch and position give the same image, another of these another', async () => {
  const source = (seed: number) => new IconSource(toySet(), { split: 'train', seed });
  const [whole] = await read(source(1), 3, 2);
  expect(whole.inputs[0].shape).toEqual([2, 3, inputSide, inputSide]);
  expect(await read(source(1), 3, 2)).toEqual([whole]);
  const halves = await read(source(1), 3, 1);
  expect(halves.flatMap((batch) => [...pixelsOf(batch)])).toEqual([...pixelsOf(whole)]);
  expect(await read(source(1), 3, 1, 1)).toEqual(halves.slice(1));
  expect((await read(source(2), 3, 2))[0].inputs).not.toEqual(whole.inputs);
  expect((await read(source(1), 4, 2))[0].inputs).not.toEqual(whole.inputs);
  expect(pixelsOf(whole).every((value) => value >= -1 && value <= 1)).toBe(true);
});

test('validation is the held-out images, alike in every epoch', async () => {
  const source = new IconSource(toySet(), { split: 'val', seed: 5 });
  expect(source.length).toBe(1);
  const [batch] = await read(source, 0, 8);
  expect(batch.labels).toEqual(BigInt64Array.of(1n));
  expect((await read(source, 7, 8))[0].inputs).toEqual(batch.inputs);
});

test('paint puts ink where the map has it, and mirrors it if asked', () => {
  const { coverage } = toySet();
  const look = { ...plainLook(new Random(0)), ink: [255, 255, 255], paper: [0, 0, 0] } as const;
  const at = (x: number, scaleX: number) => {
    const image = new Float32Array(3 * inputSide * inputSide);
    paint(image, 0, coverage, 0, mapSide, { ...look, scaleX, scaleY: 1 }, new Random(0));
    return image[(inputSide / 2) * inputSide + x];
  };
  expect([at(8, 1), at(inputSide - 9, 1)]).toEqual([1, -1]);
  expect([at(8, -1), at(inputSide - 9, -1)]).toEqual([-1, 1]);
});

test('arrows keep their direction, things may be mirrored', () => {
  expect(['arrow-left', 'login', 'question'].filter(isMirrorable)).toEqual([]);
  expect(isMirrorable('bicycle')).toBe(true);
});

test('preprocessor_config.json says what the sources do', async () => {
  const path = new URL('../../scripts/pretrain/preprocessor_config.json', import.meta.url);
  const config = JSON.parse(await readFile(path, 'utf8'));
  expect(config.size).toEqual({ width: preprocessing.width, height: preprocessing.height });
  expect(config.rescale_factor).toBe(preprocessing.scale);
  expect([config.image_mean, config.image_std]).toEqual([preprocessing.mean, preprocessing.std]);
});
