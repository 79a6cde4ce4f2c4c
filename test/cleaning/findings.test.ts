import { describe, expect, test } from 'vitest';
import {
  type CleaningSample,
  cleanedRows,
  findBadImages,
  findBadTexts,
  findIssues,
  fingerprintOf,
  type ImageMeasures,
  measureImage,
  normalizedText,
  proposalOf,
} from '../../src/cleaning/index.ts';
import type { Pixels } from '../../src/data/index.ts';
import { Random } from '../../src/random.ts';
import { changed, drawn } from './images.ts';

const SIZE = 8;

/** Images of two classes with separate features. */
function dataSet(count = 60) {
  const random = new Random(2, 'features');
  const images = Array.from({ length: count }, (_, i) => drawn(i));
  const labels = images.map((_, i) => i % 2);
  const features = Array.from({ length: count * SIZE }, (_, at) => {
    const [i, f] = [Math.floor(at / SIZE), at % SIZE];
    return random.normal() + (f % 2 === labels[i] ? 5 : 0);
  });
  return { images, labels, features };
}

function findingsOf(
  { images, labels, features }: { images: Pixels[]; labels: number[]; features: number[] },
  splits: (i: number) => CleaningSample['split'] = () => undefined,
) {
  const classes = ['cat', 'dog'];
  const samples = images.map(
    (image, i): CleaningSample => ({
      ...{ label: labels[i]!, answer: classes[labels[i]!]!, split: splits(i), digest: String(i) },
      ...{ fingerprint: fingerprintOf(image), measures: measureImage(image, image) },
    }),
  );
  return findIssues({ samples, classes, features: Float32Array.from(features), size: SIZE });
}

test('a clean data set has no findings', async () => {
  const { findings, agreement } = await findingsOf(dataSet());
  expect(findings).toEqual([]);
  expect(agreement).toBe(1);
});

test('a label that is less plausible than another class, but not confidently wrong, is doubtful', async () => {
  const data = dataSet(120);
  // Half-way to the other class, and a little farther.
  for (const i of [11, 21]) for (let f = 0; f < SIZE; f++) data.features[i * SIZE + f] = f % 2 === 0 ? 3.9 : 1.4;
  const { findings, ranking } = await findingsOf(data);
  expect(
    ranking
      .slice(0, 2)
      .map(({ index }) => index)
      .sort(),
  ).toEqual([11, 21]);
  expect(ranking[0]!.selfConfidence).toBeLessThan(0.25);
  expect(findings.map(({ kind, label }) => `${kind} ${label}`)).toEqual(['doubtful-label 0', 'doubtful-label 0']);
});

test('a wrong label, a copy in another split, a copy of another class and an outlier are found', async () => {
  const data = dataSet();
  data.labels[7] = 0;
  const copy = (of: number, label: number) => {
    data.images.push(changed(data.images[of]!, (value) => value * 0.9));
    data.labels.push(label);
    data.features.push(...data.features.slice(of * SIZE, (of + 1) * SIZE));
  };
  copy(10, 0);
  copy(20, 1);
  copy(30, 0);
  data.images.push(drawn(999));
  data.labels.push(0);
  data.features.push(...Array.from({ length: SIZE }, (_, f) => (f % 4 < 2 ? -40 : 40)));
  const { findings } = await findingsOf(data, (i) => (i === 60 ? 'val' : 'train'));
  const short = findings.map(({ kind, index, other, label }) => ({ kind, index, other, label }));
  // The copy of image 20 has the wrong label, the one of image 10 is in another split.
  expect(short).toContainEqual({ kind: 'conflict', index: 61, other: 20, label: undefined });
  expect(short).toContainEqual({ kind: 'leak', index: 10, other: 60, label: undefined });
  expect(short).toContainEqual({ kind: 'duplicate', index: 62, other: 30, label: undefined });
  expect(short).toContainEqual({ kind: 'wrong-label', index: 7, other: undefined, label: 1 });
  expect(short).toContainEqual({ kind: 'outlier', index: 63, other: undefined, label: undefined });
  expect(short[0]!.kind).toBe('conflict');
});

describe('image checks', () => {
  const usual = Array.from({ length: 60 }, (_, i) => drawn(i, 96)).map((one) => measureImage(one, one));
  const kindsOf = (image: Pixels, size: Pick<ImageMeasures, 'width' | 'height'> = image) =>
    findBadImages([...usual, measureImage(image, size)]).map(({ kind, index }) => `${kind} ${index}`);
  const blurred = (image: Pixels) => {
    let { data } = image;
    for (let times = 0; times < 30; times++)
      data = data.map((value, i) => {
        const row = image.width * 3;
        const around = [data[i - 3], data[i + 3], data[i - row], data[i + row]].map((other) => other ?? value);
        return around.reduce((all, other) => all + other, 0) / 4;
      });
    return { ...image, data };
  };

  test.each([
    ['nothing', drawn(77, 96), undefined, []],
    ['dark', changed(drawn(77, 96), (value) => value * 0.2), undefined, ['dark 60']],
    ['bright', changed(drawn(77, 96), (value) => 243 + value * 0.047), undefined, ['bright 60']],
    ['empty', changed(drawn(77, 96), () => 90), undefined, ['empty 60']],
    ['blurred', blurred(drawn(77, 96)), undefined, ['blurred 60']],
    ['tiny', drawn(77, 30), undefined, ['tiny 60']],
    ['odd-shape', drawn(77, 96, 24), { width: 1600, height: 400 }, ['odd-shape 60']],
    [
      'grey',
      { ...drawn(77, 96), data: drawn(77, 96).data.map((_, i, all) => all[i - (i % 3)]!) },
      undefined,
      ['grey 60'],
    ],
  ] as const)('%s', (_, image, size, expected) => {
    expect(kindsOf(image, size)).toEqual(expected);
  });

  test('a property of most images is not odd', () => {
    const long = Array.from({ length: 20 }, (_, i) => measureImage(drawn(i, 96, 24), { width: 1600, height: 400 }));
    expect(findBadImages(long)).toEqual([]);
  });
});

test('texts: short ones, long ones, and the same words', () => {
  const texts = [...Array.from({ length: 9 }, (_, i) => `A usual text ${i}`), '?!', 'word '.repeat(1000)];
  expect(findBadTexts(texts).map(({ kind, index }) => `${kind} ${index}`)).toEqual(['short 9', 'long 10']);
  expect(normalizedText('  Works   WELL!\n')).toBe(normalizedText('works well'));
  expect(normalizedText('!!')).not.toBe(normalizedText('??'));
});

test('the new table has no removed rows, and the changed labels', () => {
  const table = {
    columns: ['file_name', 'label'],
    rows: [
      ['/a', 'cat'],
      ['/b', 'cat'],
      ['/c', 'dog'],
      ['/d', 'dog'],
    ],
    labelColumn: 1,
    files: ['a', 'b', 'c', 'd'],
  };
  const decision = (index: number, label?: number) =>
    proposalOf({ kind: 'wrong-label', index, why: '', label }, table, ['cat', 'dog']);
  const rejected = { ...decision(3), decision: 'reject' as const };
  expect(cleanedRows(table, [decision(0, 1), decision(1, 1), decision(1), rejected])).toEqual([
    ['/a', 'dog'],
    ['/c', 'dog'],
    ['/d', 'dog'],
  ]);
});
