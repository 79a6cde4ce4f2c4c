import { expect, test } from 'vitest';
import {
  Comparison,
  duplicateGroups,
  fingerprintOf,
  HashIndex,
  hashDistance,
  RADIUS,
} from '../../src/cleaning/index.ts';
import type { Pixels } from '../../src/data/index.ts';
import { Random } from '../../src/random.ts';
import { changed, drawn, flipped } from './images.ts';

/** Compares images without features. */
function compared(images: readonly Pixels[], digests = images.map((_, i) => String(i))) {
  const samples = images.map((image, i) => ({ digest: digests[i]!, fingerprint: fingerprintOf(image) }));
  const comparison = new Comparison(samples, { features: new Float32Array(images.length), size: 1 });
  return { comparison, groups: duplicateGroups(samples, comparison) };
}

test('copies in another size, brightness or direction are duplicates', () => {
  const image = drawn(1);
  const random = new Random(1, 'noise');
  const copies = [
    drawn(1, 80),
    drawn(1, 128, 96),
    changed(image, (value) => 0.7 * value + 20),
    changed(image, (value) => value + 8 * random.normal()),
    flipped(image),
  ];
  const { comparison, groups } = compared([image, ...copies]);
  expect(groups).toEqual([0, 0, 0, 0, 0, 0]);
  expect(comparison.of(0, 5)).toBe('mirrored');
  expect(comparison.of(0, 1)).toBe('near');
});

test('different images, and the same shapes in other colours, are not duplicates', () => {
  const image = drawn(1);
  const recoloured = { ...image, data: image.data.map((value, i) => (i % 3 === 0 ? 255 - value : value)) };
  const { groups } = compared([image, recoloured, ...Array.from({ length: 30 }, (_, i) => drawn(i + 2))]);
  expect(new Set(groups).size).toBe(groups.length);
});

test('plain images are duplicates only if their contents are the same', () => {
  const white = changed(drawn(1), () => 255);
  const grey = changed(drawn(1), () => 250);
  expect(compared([white, grey, white], ['a', 'b', 'a']).groups).toEqual([0, 1, 0]);
});

test('the index finds every hash in its radius, and no other', () => {
  const random = new Random(5, 'hashes');
  const base = Array.from({ length: 60 }, () => [random.uint32(), random.uint32()] as const);
  const flip = (hash: readonly [number, number], bits: number) => {
    const words: [number, number] = [...hash];
    for (const bit of random.shuffle(Array.from({ length: 64 }, (_, i) => i)).slice(0, bits))
      words[bit >> 5] = (words[bit >> 5]! ^ (1 << (bit & 31))) >>> 0;
    return words;
  };
  const hashes = base.flatMap((hash, i) => [hash, flip(hash, i % 16)]);
  const index = new HashIndex(hashes);
  let far = 0;
  for (const hash of hashes) {
    const expected = [...hashes.keys()].filter((i) => hashDistance(hash, hashes[i]!) <= RADIUS);
    expect(index.near(hash).sort((a, b) => a - b)).toEqual(expected);
    if (expected.length === 1) far++;
  }
  expect(far).toBeGreaterThan(10);
});
