// Compares resizing, cropping and blurring in plain arithmetic with sharp.
import { describe, expect, it } from 'vitest';
import type { Preprocessing } from '../../../src/data/index.ts';
import { blur, extend, extract, resize, transform } from '../../../src/data/web/resample.ts';
import { Random } from '../../../src/random.ts';
import { Differences, drawn, noise, opened, waves } from './compare.ts';

const smooth = ['linear', 'cubic', 'lanczos3'] as const;
type Sizes = readonly [width: number, height: number, toWidth: number, toHeight: number];

async function compared(interpolation: Preprocessing['interpolation'], sizes: readonly Sizes[]): Promise<Differences> {
  const random = new Random(1, interpolation);
  const differences = new Differences();
  for (const [width, height, toWidth, toHeight] of sizes) {
    for (const source of [noise(width, height, random), waves(width, height)]) {
      const expected = await drawn(opened(source).resize(toWidth, toHeight, { fit: 'fill', kernel: interpolation }));
      const actual = resize(source, { width: toWidth, height: toHeight }, interpolation);
      expect([actual.width, actual.height]).toEqual([toWidth, toHeight]);
      differences.add(actual.data, expected.data);
    }
  }
  return differences;
}

function drawnSizes(seed: number, size: (random: Random) => Sizes): Sizes[] {
  const random = new Random(seed, 'sizes');
  return Array.from({ length: 25 }, () => size(random));
}

const shrunk = drawnSizes(1, (random) => {
  const [width, height] = [20 + random.below(180), 20 + random.below(180)];
  const part = () => 0.25 + 0.75 * random.uniform();
  return [width, height, Math.ceil(width * part()), Math.ceil(height * part())];
});
const shrunkFar = drawnSizes(2, (random) => [
  ...([300 + random.below(400), 300 + random.below(400)] as const),
  ...([2 + random.below(70), 2 + random.below(70)] as const),
]);
const enlarged = drawnSizes(3, (random) => {
  const [width, height] = [1 + random.below(60), 1 + random.below(60)];
  return [width, height, width + random.below(150), height + random.below(150)];
});
const stretched = drawnSizes(4, (random) => {
  const [long, short] = [60 + random.below(90), 10 + random.below(40)];
  return random.chance(0.5) ? [long, short, short, long] : [short, long, long, short];
});

describe.each(smooth)('%s, like sharp', (interpolation) => {
  it.each([
    ['shrinking', shrunk],
    ['strong shrinking, which averages first', shrunkFar],
    ['enlarging', enlarged],
    ['shrinking one side and enlarging the other', stretched],
  ])('%s', async (_, sizes) => {
    const { mean, greatest } = await compared(interpolation, sizes);
    expect(mean).toBeLessThan(0.02);
    expect(greatest).toBeLessThanOrEqual(2);
  });
});

it.each([
  ['shrinking', shrunk],
  ['enlarging', enlarged],
])('nearest uses the same pixels except for ties, %s', async (_, sizes) => {
  const { mean } = await compared('nearest', sizes);
  // A wrong pixel of noise differs by 85 steps on average, so 1 wrong pixel in 85 gives a mean of 1.
  expect(mean).toBeLessThan(0.5);
});

it('shrinks both sides by exactly the same factor, like sharp with fit inside', async () => {
  const random = new Random(6);
  const differences = new Differences();
  for (let i = 0; i < 20; i++) {
    const source = noise(100 + random.below(200), 100 + random.below(200), random);
    const side = 40 + random.below(50);
    const shrink = Math.min(source.width, source.height) / side;
    const expected = await drawn(opened(source).resize(side, side, { fit: 'outside', kernel: 'linear' }));
    const actual = resize(source, { width: source.width / shrink, height: source.height / shrink }, 'linear');
    differences.add(actual.data, expected.data);
  }
  expect(differences.mean).toBeLessThan(0.02);
  expect(differences.greatest).toBeLessThanOrEqual(1);
});

it('returns an image of the right size unchanged', () => {
  const source = noise(9, 7, new Random(2));
  expect(resize(source, source, 'cubic')).toBe(source);
  expect(blur(source, 0)).toBe(source);
});

it('crops and repeats edges exactly', async () => {
  const source = noise(31, 17, new Random(3));
  const rectangle = { left: 4, top: 5, width: 20, height: 11 };
  expect(extract(source, rectangle).data).toEqual(
    new Uint8Array((await drawn(opened(source).extract(rectangle))).data),
  );
  const border = { left: 2, right: 5, top: 3, bottom: 1 };
  const extended = await drawn(opened(source).extend({ ...border, extendWith: 'copy' }));
  expect(extend(source, border).data).toEqual(new Uint8Array(extended.data));
});

it('blurs like sharp for all strengths, including its rounding errors', async () => {
  const random = new Random(4);
  const differences = new Differences();
  for (let sigma = 0.3; sigma < 50; sigma *= 1.13) {
    const source = noise(40 + random.below(60), 30 + random.below(60), random);
    differences.add(blur(source, sigma).data, (await drawn(opened(source).blur(sigma))).data);
  }
  expect(differences.mean).toBeLessThan(0.01);
  expect(differences.greatest).toBeLessThanOrEqual(1);
});

it('rotates like sharp, blending edges with the background', async () => {
  const random = new Random(5);
  const differences = new Differences();
  for (let i = 0; i < 20; i++) {
    const source = noise(20 + random.below(60), 20 + random.below(60), random);
    const [a, b, c, d] = [random.between(0.5, 1.5), random.between(-0.4, 0.4), random.between(-0.4, 0.4), 1];
    const [odx, ody] = [random.between(-0.5, 0.5), random.between(-0.5, 0.5)];
    const expected = await drawn(
      opened(source).affine([a, b, c, d], { background: '#102030', interpolator: 'bilinear', odx, ody }),
    );
    const determinant = a * d - b * c;
    const inverse = [d / determinant, -b / determinant, -c / determinant, a / determinant] as const;
    const x = Math.round(Math.min(0, b * source.height)) - odx;
    const y = Math.round(Math.min(0, c * source.width)) - ody;
    const start = [inverse[0] * x + inverse[1] * y, inverse[2] * x + inverse[3] * y] as const;
    differences.add(transform(source, expected, inverse, start, [16, 32, 48]).data, expected.data);
  }
  expect(differences.mean).toBeLessThan(0.01);
  expect(differences.greatest).toBeLessThanOrEqual(1);
});
