// Test-time augmentation: the mean prediction over views of an image.
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { evaluate, predict } from '../../../src/node/library/index.ts';
import { makeProject, type Project } from './project.ts';

let project: Project;
let image: string;
let mirrored: string;
const labels = ['a', 'b', 'c', 'd', 'e'];
beforeAll(async () => {
  project = await makeProject({ train: 2, val: 2 });
  const corner = {
    input: { create: { width: 6, height: 6, channels: 3, background: '#f80' } },
    left: 2,
    top: 3,
  } as const;
  const drawn = await sharp({ create: { width: 32, height: 32, channels: 3, background: '#139' } })
    .composite([corner])
    .png()
    .toBuffer();
  [image, mirrored] = ['image.png', 'mirrored.png'].map((name) => join(project.folder, name));
  await sharp(drawn).png().toFile(image);
  await sharp(drawn).flop().png().toFile(mirrored);
});
afterAll(() => project.remove());

const probabilitiesOf = async (file: string, tta: 'none' | 'flip' | 'ten-crop') => {
  const [{ probabilities }] = await predict({ model: project.model, images: [file], settings: { labels, tta } });
  return labels.map((label) => probabilities[label]);
};

describe('tta', () => {
  test('flip is the mean of the image and its mirror image', async () => {
    const [one, other] = [await probabilitiesOf(image, 'none'), await probabilitiesOf(mirrored, 'none')];
    expect(one[0]).not.toBeCloseTo(other[0], 6);
    const mean = await probabilitiesOf(image, 'flip');
    for (const [c, p] of mean.entries()) expect(p).toBeCloseTo((one[c] + other[c]) / 2, 5);
    const same = await probabilitiesOf(mirrored, 'flip');
    for (const [c, p] of mean.entries()) expect(same[c]).toBeCloseTo(p, 5);
  });

  test('gives one prediction per image, in order', async () => {
    const images = [image, mirrored, image];
    const predictions = await predict({
      model: project.model,
      images,
      settings: { labels, tta: 'ten-crop', batch: 4 },
    });
    expect(predictions.map(({ file }) => file)).toEqual(images);
    expect(predictions[2].probabilities).toEqual(predictions[0].probabilities);
    const sum = Object.values(predictions[0].probabilities).reduce((a, b) => a + b);
    expect(sum).toBeCloseTo(1, 5);
  });

  test('thaw eval counts each image once', async () => {
    const names = ['blue', 'green', 'red', 'x', 'y'];
    const settings = { labels: names, tta: 'five-crop' as const };
    const { perClass } = await evaluate({ model: project.model, data: project.data, settings });
    expect(perClass.map(({ support }) => support)).toEqual([2, 2, 2, 0, 0]);
  });

  test('refuses unknown views', async () => {
    const request = { model: project.model, images: [image], settings: { labels, tta: 'spin' as 'flip' } };
    await expect(predict(request)).rejects.toMatchObject({ code: 'bad-config' });
  });
});
