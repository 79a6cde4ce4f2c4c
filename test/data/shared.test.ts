import { truncateSync } from 'node:fs';
import { join, relative } from 'node:path';
import { expect, test } from 'vitest';
import type { Dataset } from '../../src/data/index.ts';
import { openDataset, sharedSamples } from '../../src/data/node/index.ts';
import { classFolders, image, temporaryFolder, write } from './images.ts';

test('finds the same files in two splits, under other names and labels', async () => {
  const root = await classFolders(temporaryFolder(), {
    'train/a': 3,
    'train/b': 3,
    'val/a': 2,
    'val/b': 2,
    'test/b': 1,
  });
  write(root, 'val/a/again.png', await image(1));
  write(root, 'val/b/other.png', await image(2));
  write(root, 'test/b/again.png', await image(5));
  const found = await sharedSamples(await openDataset(root));
  const name = ({ file }: { file: string }) => relative(root, file).replaceAll('\\', '/');
  expect(found.map(({ split, sample, train }) => [split, name(sample), name(train)])).toEqual([
    ['val', 'val/a/again.png', 'train/a/1.png'],
    ['val', 'val/b/other.png', 'train/a/2.png'],
    ['test', 'test/b/again.png', 'train/b/2.png'],
  ]);
});

const samplesOf = (...files: readonly string[]) => files.map((file) => ({ file, label: 0 }));
const datasetOf = (parts: Partial<Dataset>): Dataset => ({
  ...{ classes: ['a'], train: [], val: [], test: [], problems: [] },
  ...parts,
});

test('large files are the same only if all of their bytes are', async () => {
  const folder = temporaryFolder();
  const bytes = (last: number) => Uint8Array.from({ length: 200_000 }, (_, i) => (i === 199_999 ? last : i));
  const [one, same, other] = [1, 1, 2].map((last, i) => write(folder, `${i}.tiff`, bytes(last)));
  const gone = write(folder, 'gone.tiff', bytes(1));
  truncateSync(gone, 10);
  const val = samplesOf(same, other, gone, join(folder, 'missing.tiff'));
  const found = await sharedSamples(datasetOf({ train: samplesOf(one), val }));
  expect(found).toEqual([{ split: 'val', sample: val[0], train: samplesOf(one)[0] }]);
});

test('texts are compared as they are', async () => {
  const texts = (...all: readonly string[]) => all.map((text, i) => ({ file: `table.csv:${i + 2}`, label: 0, text }));
  const [train, val] = [texts('good', 'bad'), texts('Good', 'bad')];
  expect(await sharedSamples(datasetOf({ train, val }))).toEqual([{ split: 'val', sample: val[1], train: train[1] }]);
});
