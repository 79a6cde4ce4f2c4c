// Test-time augmentation: the mean of what a model says of a picture's views.
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { evaluate, predict } from '../../../src/node/commands/index.ts';
import { makeProject, type Project } from './project.ts';

let project: Project;
let picture: string;
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
  [picture, mirrored] = ['picture.png', 'mirrored.png'].map((name) => join(project.folder, name));
  await sharp(drawn).png().toFile(picture);
  await sharp(drawn).flop().png().toFile(mirrored);
});
afterAll(() => project.remove());

const probabilitiesOf = async (file: string, tta: 'none' | 'flip' | 'ten-crop') => {
  const [{ probabilities }] = await predict({ model: project.model, pictures: [file], settings: { labels, tta } });
  return labels.map((label) => probabilities[label]);
};

describe('tta', () => {
  test('flip is the mean of the picture and its mirror image', async () => {
    const [one, other] = [await probabilitiesOf(picture, 'none'), await probabilitiesOf(mirrored, 'none')];
    expect(one[0]).not.toBeCloseTo(other[0], 6);
    const mean = await probabilitiesOf(picture, 'flip');
    for (const [c, p] of mean.entries()) expect(p).toBeCloseTo((one[c] + other[c]) / 2, 5);
    const same = await probabilitiesOf(mirrored, 'flip');
    for (const [c, p] of mean.entries()) expect(same[c]).toBeCloseTo(p, 5);
  });

  test('answers come one a picture, in their order', async () => {
    const pictures = [picture, mirrored, picture];
    const said = await predict({ model: project.model, pictures, settings: { labels, tta: 'ten-crop', batch: 4 } });
    expect(said.map(({ file }) => file)).toEqual(pictures);
    expect(said[2].probabilities).toEqual(said[0].probabilities);
    const sum = Object.values(said[0].probabilities).reduce((a, b) => a + b);
    expect(sum).toBeCloseTo(1, 5);
  });

  test('thaw eval counts every picture once', async () => {
    const names = ['blue', 'green', 'red', 'x', 'y'];
    const settings = { labels: names, tta: 'five-crop' as const };
    const { perClass } = await evaluate({ model: project.model, data: project.data, settings });
    expect(perClass.map(({ support }) => support)).toEqual([2, 2, 2, 0, 0]);
  });

  test('an unknown one is refused', async () => {
    const request = { model: project.model, pictures: [picture], settings: { labels, tta: 'spin' as 'flip' } };
    await expect(predict(request)).rejects.toMatchObject({ code: 'bad-config' });
  });
});
