// The same draws in plain arithmetic and in sharp.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  type Augmentation,
  augmentationPolicies,
  drawAugmentation,
  type Pixels,
  type Preprocessing,
  presetPreprocessing,
  readAugmentation,
} from '../../../src/data/index.ts';
import { decodeLarge, augmentImage as withSharp } from '../../../src/data/node/index.ts';
import { augmentImage } from '../../../src/data/web/index.ts';
import { Random } from '../../../src/random.ts';
import { temporaryFolder } from '../images.ts';
import { Differences, noise, opened, waves } from './compare.ts';

/** Geometric changes, which sharp applies in Node. */
const geometry: Augmentation = readAugmentation({
  fill: 'edge',
  quarterTurn: { probability: 0.5 },
  resizedCrop: { probability: 1, scale: [0.05, 1], ratio: [0.3, 3] },
  horizontalFlip: { probability: 0.5 },
  verticalFlip: { probability: 0.5 },
  zoom: { probability: 1, factor: [0.5, 2] },
  shear: { probability: 1, degrees: [-40, 40], along: 'both' },
  rotation: { probability: 1, degrees: [-180, 180] },
  translation: { probability: 1, fraction: [-0.5, 0.5] },
  perspective: { probability: 1, distortion: 0.5 },
  elastic: { probability: 1, alpha: [10, 80], sigma: [3, 5] },
  blur: { probability: 1, sigma: [0.3, 4] },
  erasing: { probability: 1, area: [0.02, 0.3], ratio: [0.3, 3] },
});
/** The same code on both platforms, for pixels that differ by single steps. */
const colour: Augmentation = readAugmentation({
  brightness: { probability: 1, factor: [0.5, 1.5] },
  contrast: { probability: 1, factor: [0.5, 1.5] },
  saturation: { probability: 1, factor: [0, 2] },
  hue: { probability: 1, degrees: [-60, 60] },
  gamma: { probability: 1, gamma: [0.5, 2] },
  greyscale: { probability: 1 },
  sharpness: { probability: 1, factor: [0, 3] },
  invert: { probability: 1 },
  channelShuffle: { probability: 1 },
  noise: { probability: 1, sigma: [0, 0.1] },
});
/** A small difference in pixels can cause a large one here, but rarely. */
const leaping: Augmentation = readAugmentation({
  autocontrast: { probability: 1 },
  equalize: { probability: 1 },
  posterize: { probability: 1, bits: [2, 6] },
  solarize: { probability: 1, threshold: [30, 220] },
  jpeg: { probability: 1, quality: [10, 90] },
  trivialAugment: { probability: 1 },
  randAugment: { probability: 1, magnitude: 15 },
  augMix: { probability: 1 },
});

/** Differences in 8-bit steps (preset `raw`). */
async function compare(
  differences: Differences,
  image: Pixels,
  p: Preprocessing,
  augmentation: Augmentation,
  random: Random,
): Promise<void> {
  const draw = drawAugmentation(augmentation, random);
  const [actual, expected] = [new Float32Array(p.width * p.height * 3), new Float32Array(p.width * p.height * 3)];
  augmentImage(image, p, draw, actual, 0);
  await withSharp(image, p, draw, expected, 0);
  differences.add(actual, expected);
}

const fits = ['stretch', 'crop', 'pad'] as const;
const interpolations = ['linear', 'cubic', 'lanczos3'] as const;

async function comparedDrawings(augmentation: Augmentation): Promise<Differences> {
  const random = new Random(7);
  const differences = new Differences();
  for (let i = 0; i < 40; i++) {
    const [width, height] = [8 + random.below(200), 8 + random.below(200)];
    const fit = fits[i % 3];
    const side = 8 + random.below(100);
    const p = presetPreprocessing('raw', {
      ...{ width: side, height: fit === 'pad' ? side : 8 + random.below(100), fit, mean: [120, 110, 100] },
      ...{ cropFraction: fit === 'crop' ? 0.875 : 1, interpolation: interpolations[(i >> 2) % 3] },
    });
    const image = i % 2 ? waves(width, height) : noise(width, height, random);
    await compare(differences, image, p, augmentation, random);
  }
  return differences;
}

const namesIn = (augmentation: Augmentation) =>
  (Object.keys(augmentation) as (keyof Augmentation)[]).filter((name) => name !== 'fill');

describe('one change at a time', () => {
  it.each(namesIn(geometry))('%s', async (name) => {
    const certain = { ...(geometry[name] as object), probability: 1 };
    const { mean, greatest } = await comparedDrawings({ fill: 'edge', [name]: certain });
    expect(mean).toBeLessThan(0.02);
    expect(greatest).toBeLessThanOrEqual(3);
  });

  it.each(namesIn(colour))('%s', async (name) => {
    const { mean, greatest } = await comparedDrawings({ [name]: colour[name] });
    expect(mean).toBeLessThan(0.02);
    expect(greatest).toBeLessThanOrEqual(4);
  });

  it.each(namesIn(leaping))('%s', async (name) => {
    const { mean } = await comparedDrawings({ [name]: leaping[name] });
    expect(mean).toBeLessThan(0.05);
  });

  it.each(['rotation', 'zoom', 'perspective', 'elastic'] as const)('%s, fill mean', async (name) => {
    const { mean, greatest } = await comparedDrawings({ [name]: geometry[name] });
    expect(mean).toBeLessThan(0.02);
    expect(greatest).toBeLessThanOrEqual(3);
  });
});

describe('all changes together', () => {
  it.each([
    ['geometry', geometry] as const,
    ['colour', { ...colour, greyscale: undefined }] as const,
    ...Object.entries(augmentationPolicies),
  ])('%s', async (_, augmentation) => {
    const { mean } = await comparedDrawings(augmentation);
    expect(mean).toBeLessThan(0.02);
  });
});

it('writes to its position in a batch', () => {
  const p = presetPreprocessing('raw', { size: 8 });
  const image = noise(20, 20, new Random(1));
  const draw = drawAugmentation({}, new Random(1));
  const [alone, batch] = [new Float32Array(192), new Float32Array(3 * 192).fill(-1)];
  augmentImage(image, p, draw, alone, 0);
  augmentImage(image, p, draw, batch, 192);
  expect(batch.subarray(192, 384)).toEqual(alone);
  expect(new Set(batch.subarray(0, 192))).toEqual(new Set([-1]));
  expect(new Set(batch.subarray(384))).toEqual(new Set([-1]));
});

it('images from files, as large as photographs', async () => {
  const folder = temporaryFolder();
  const p = presetPreprocessing('raw', { size: 224, fit: 'crop', cropFraction: 0.875 });
  const differences = new Differences();
  for (let i = 0; i < 6; i++) {
    const [width, height] = i % 2 ? [500, 375] : [333, 500];
    const random = new Random(i, 'photograph');
    const { data } = waves(width, height);
    const grainy = data.map((value) => value * 0.9 + random.between(0, 25));
    const file = join(folder, `${i}.jpg`);
    writeFileSync(file, await opened({ data: grainy, width, height }).jpeg({ quality: 90 }).toBuffer());
    const image = await decodeLarge(file, p);
    for (let view = 0; view < 3; view++)
      await compare(differences, image, p, augmentationPolicies.heavy, new Random(0, 'augment', view, i));
  }
  expect(differences.mean).toBeLessThan(0.01);
  expect(differences.greatest).toBeLessThanOrEqual(3);
});
