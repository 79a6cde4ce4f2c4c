// Test-time augmentation: the pixels of each view.
import { expect, it, test } from 'vitest';
import { type Preprocessing, presetPreprocessing, TEST_VIEWS, type TestViews } from '../../src/data/index.ts';
import { ImageSource } from '../../src/data/node/index.ts';
import { fromRgb, gradient, temporaryFolder } from './images.ts';

const p = presetPreprocessing('raw', { size: 14, layout: 'nhwc', fit: 'crop', cropFraction: 14 / 16 });

async function rowsOf(views: TestViews | undefined, preprocessing: Preprocessing, batchSize = 20) {
  const file = `${temporaryFolder()}/p.png`;
  await fromRgb(gradient(32, 16), 32, 16).png().toFile(file);
  const samples = [0, 1, 2].map((label) => ({ file, label }));
  const source = new ImageSource({ samples, preprocessing, testViews: views && TEST_VIEWS[views] });
  const batches = [];
  for await (const { inputs, indices, labels } of source.batches({ epoch: 0, batchSize }))
    batches.push({ data: inputs[0].data as Float32Array, indices, labels });
  return batches;
}
const size = 14 * 14 * 3;
const row = (data: Float32Array, i: number) => [...data.subarray(i * size, (i + 1) * size)];
const mirror = (pixels: readonly number[]) =>
  pixels.map((_, i) => pixels[(Math.floor(i / 42) * 14 + 13 - (Math.floor(i / 3) % 14)) * 3 + (i % 3)]);

it('the image as in evaluation, and its mirror image', async () => {
  const [{ data: plain }] = await rowsOf(undefined, p);
  const [{ data, indices, labels }] = await rowsOf('flip', p);
  expect(indices).toEqual([0, 0, 1, 1, 2, 2]);
  expect([...labels]).toEqual([0n, 0n, 1n, 1n, 2n, 2n]);
  expect(row(data, 0)).toEqual(row(plain, 0));
  expect(row(data, 1)).toEqual(mirror(row(plain, 0)));
});

it('the corners and the centre of the resized image, and their mirror images', async () => {
  const [{ data: plain }] = await rowsOf(undefined, p);
  const [{ data }] = await rowsOf('ten-crop', p);
  // Red grows to the right, 255 over 31 pixels; green downwards, over 15.
  const corner = (i: number) => row(data, i).slice(0, 2).map(Math.round);
  expect([0, 1, 2, 3].map(corner)).toEqual([
    [0, 0],
    [Math.round((18 / 31) * 255), 0],
    [0, Math.round((2 / 15) * 255)],
    [Math.round((18 / 31) * 255), Math.round((2 / 15) * 255)],
  ]);
  expect(row(data, 4)).toEqual(row(plain, 0));
  for (let i = 0; i < 5; i++) expect(row(data, 5 + i)).toEqual(mirror(row(data, i)));
});

test.each(['stretch', 'pad'] as const)('fit %s leaves room for crops', async (fit) => {
  const [{ data }] = await rowsOf('five-crop', { ...p, fit, cropFraction: 1 });
  expect(row(data, 0)).not.toEqual(row(data, 3));
  expect(data.every(Number.isFinite)).toBe(true);
});

it('a batch has all views of its images', async () => {
  const batches = await rowsOf('five-crop', p, 8);
  expect(batches.map(({ indices }) => indices)).toEqual([0, 1, 2].map((i) => new Array(5).fill(i)));
});
