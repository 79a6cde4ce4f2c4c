// mixup and CutMix: torchvision's numbers for given shares, and the draws.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  type Batch,
  type BatchOptions,
  type BatchSource,
  type Blend,
  blended,
  drawBlend,
  mixedSource,
} from '../../src/data/index.ts';
import { tensor } from '../../src/onnx/index.ts';
import { Random } from '../../src/random.ts';

const { batch: numbers, mixed }: { batch: number[]; mixed: { blend: Blend; images: number[]; targets: number[] }[] } =
  JSON.parse(readFileSync(new URL('../fixtures/augmentation.json', import.meta.url), 'utf8'));

const batch: Batch = {
  inputs: [tensor('float32', [3, 3, 6, 6], Float32Array.from(numbers))],
  labels: BigInt64Array.of(2n, 0n, 3n),
  indices: [7, 4, 9],
};

/** Converts the images of a batch to channels-last. */
function channelsLast({ inputs: [{ shape }], ...rest }: Batch, images: Float32Array): Batch {
  const [count, channels, height, width] = shape;
  const size = channels * height * width;
  const out = images.map((_, i) => {
    const [image, place, channel] = [Math.floor(i / size), Math.floor((i % size) / channels), i % channels];
    return images[image * size + channel * height * width + place];
  });
  return { ...rest, inputs: [tensor('float32', [count, height, width, channels], out)] };
}

const imagesOf = ({ inputs: [{ data }] }: Batch) => data as Float32Array;

describe('equals torchvision', () => {
  it.each(mixed)('$blend', ({ blend, images, targets }) => {
    const found = blended(batch, blend, { classes: 4, layout: 'nchw' });
    for (const [i, value] of imagesOf(found).entries()) expect(value).toBeCloseTo(images[i], 5);
    for (const [i, value] of found.targets!.entries()) expect(value).toBeCloseTo(targets[i], 6);
    expect([...found.labels]).toEqual([2n, 0n, 3n]);
    const last = blended(channelsLast(batch, imagesOf(batch)), blend, { classes: 4, layout: 'nhwc' });
    expect(imagesOf(last)).toEqual(imagesOf(channelsLast(found, imagesOf(found))));
    expect(last.targets).toEqual(found.targets);
  });
});

it('labels an image by its larger share, and blends targets', () => {
  const mixup = { kind: 'mixup', lambda: 0.25 } as const;
  expect([...blended(batch, mixup, { classes: 4, layout: 'nchw' }).labels]).toEqual([3n, 2n, 0n]);
  const several = { ...batch, targets: Float32Array.of(1, 1, 0, 0, 1, 0) };
  const { targets } = blended(several, mixup, { classes: 4, layout: 'nchw' });
  expect([...targets!]).toEqual([1, 0.25, 0.75, 0.75, 0.25, 0]);
});

describe('draws', () => {
  const size = { width: 40, height: 20 };
  const draws = (mixup: number, cutmix: number, mixProbability = 1) => {
    const random = new Random(3);
    return Array.from({ length: 2000 }, () => drawBlend({ mixup, cutmix, mixProbability }, size, random));
  };

  it('respect the probabilities', () => {
    const both = draws(0.4, 1, 0.5);
    const share = (kind: string | undefined) => both.filter((blend) => blend?.kind === kind).length / both.length;
    expect(share(undefined)).toBeCloseTo(0.5, 1);
    expect(share('mixup')).toBeCloseTo(0.25, 1);
    expect(share('cutmix')).toBeCloseTo(0.25, 1);
    expect(draws(1, 0).every((blend) => blend?.kind === 'mixup')).toBe(true);
    expect(draws(0, 1).every((blend) => blend?.kind === 'cutmix')).toBe(true);
  });

  it('have Beta distributed shares, and rectangles inside the image', () => {
    const shares = draws(0.2, 0).map((blend) => (blend?.kind === 'mixup' ? blend.lambda : Number.NaN));
    // Var Beta(α, α) = 1 / (4 (2α + 1))
    const variance = shares.reduce((sum, share) => sum + (share - 0.5) ** 2, 0) / shares.length;
    expect(variance).toBeCloseTo(1 / (4 * 1.4), 1);
    for (const blend of draws(0, 1)) {
      if (blend?.kind !== 'cutmix') throw new Error('no rectangle');
      expect(blend.left).toBeGreaterThanOrEqual(0);
      expect(blend.right).toBeLessThanOrEqual(40);
      expect(blend.bottom).toBeLessThanOrEqual(20);
      expect(blend.right - blend.left).toBeGreaterThanOrEqual(0);
    }
  });
});

describe('a mixed source', () => {
  const asked: BatchOptions[] = [];
  const plain: BatchSource = {
    length: 3,
    async *batches(options) {
      asked.push(options);
      yield batch;
    },
  };
  const options = { mixup: 0.5, cutmix: 0, mixProbability: 1, seed: 1, classes: 4, layout: 'nchw' as const };
  const first = async (source: BatchSource, epoch: number) => {
    for await (const found of source.batches({ epoch, batchSize: 3, recall: async () => undefined })) return found;
    throw new Error('nothing came');
  };

  it('blends by seed and epoch, and never recalls by key', async () => {
    const one = await first(mixedSource(plain, options), 0);
    expect(await first(mixedSource(plain, options), 0)).toEqual(one);
    expect((await first(mixedSource(plain, options), 1)).inputs).not.toEqual(one.inputs);
    expect((await first(mixedSource(plain, { ...options, seed: 2 }), 0)).inputs).not.toEqual(one.inputs);
    expect(asked.every(({ recall }) => recall === undefined)).toBe(true);
    expect(mixedSource(plain, options).fleeting).toBe(true);
  });

  it('is the plain source if blending is off, and has label rows for unblended batches', async () => {
    expect(mixedSource(plain, { ...options, mixup: 0, cutmix: 0 })).toBe(plain);
    expect(mixedSource(plain, { ...options, mixProbability: 0 })).toBe(plain);
    const untouched = await first(mixedSource(plain, { ...options, mixProbability: 1e-9 }), 0);
    expect(untouched.inputs).toBe(batch.inputs);
    expect([...untouched.targets!]).toEqual([0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1]);
  });
});
