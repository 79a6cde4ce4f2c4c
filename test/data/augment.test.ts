import { describe, expect, it } from 'vitest';
import {
  type Augmentation,
  type AugmentationDraw,
  augmentationPolicies,
  cropRectangle,
  drawAugmentation,
  type Preprocessing,
  presetPreprocessing,
  readAugmentation,
} from '../../src/data/index.ts';
import { augmentPicture, preview } from '../../src/data/node/index.ts';
import { Random } from '../../src/random.ts';
import { fromRgb, gradient, rgb, temporaryFolder } from './pictures.ts';

const nothing: AugmentationDraw = {
  ...{ horizontalFlip: false, verticalFlip: false, brightness: 1, contrast: 1, saturation: 1, hue: 0, blur: 0 },
};
const side = 40;
const plain = presetPreprocessing('raw', { size: side, layout: 'nhwc' });

/** The picture's own size is the input's, so that what is not changed stays the same to the bit. */
async function augmented(
  data: Uint8Array,
  draw: Partial<AugmentationDraw>,
  p: Preprocessing = plain,
  [width, height] = [side, side],
): Promise<Float32Array> {
  const out = new Float32Array(p.width * p.height * 3);
  await augmentPicture({ data, width, height }, p, { ...nothing, ...draw }, out, 0);
  return out;
}

const straight = { rotation: 0, shear: 0, x: 0, y: 0, fill: 'mean' as const };
const at = (values: Float32Array, x: number, y: number) => [
  ...values.subarray((y * side + x) * 3, (y * side + x) * 3 + 3),
];
const picture = gradient(side, side);
const mapped = (from: (x: number, y: number) => [number, number]) =>
  rgb(side, side, (x, y) => {
    const [sx, sy] = from(x, y);
    return [...picture.subarray((sy * side + sx) * 3, (sy * side + sx) * 3 + 3)] as [number, number, number];
  });
const expectNear = (actual: Float32Array, expected: Uint8Array, tolerance: number, margin = 0) => {
  for (let y = margin; y < side - margin; y++) {
    for (let x = margin; x < side - margin; x++) {
      const wanted = [...expected.subarray((y * side + x) * 3, (y * side + x) * 3 + 3)];
      for (const [c, value] of at(actual, x, y).entries()) {
        expect(Math.abs(value - wanted[c]), `(${x}, ${y}) is ${at(actual, x, y)}, not ${wanted}`).toBeLessThanOrEqual(
          tolerance,
        );
      }
    }
  }
};

describe('geometry', () => {
  it('changes nothing where nothing is drawn', async () => {
    expect([...(await augmented(picture, {}))]).toEqual([...picture]);
  });

  it('flips', async () => {
    expectNear(
      await augmented(picture, { horizontalFlip: true }),
      mapped((x, y) => [side - 1 - x, y]),
      0,
    );
    expectNear(
      await augmented(picture, { verticalFlip: true }),
      mapped((x, y) => [x, side - 1 - y]),
      0,
    );
  });

  it('crops and enlarges', async () => {
    // The lower right quarter.
    const values = await augmented(picture, { crop: { scale: 0.25, ratio: 1, x: 0.999, y: 0.999 } });
    expectNear(
      values,
      mapped((x, y) => [20 + (x >> 1), 20 + (y >> 1)]),
      4,
    );
  });

  it('keeps crops inside of the picture, with the proportions and the area asked for', () => {
    const random = new Random(1);
    for (let i = 0; i < 200; i++) {
      const crop = drawAugmentation(augmentationPolicies.light, random).crop!;
      const { left, top, width, height } = cropRectangle(crop, { width: 400, height: 300 }, 1);
      expect(left).toBeGreaterThanOrEqual(0);
      expect(top).toBeGreaterThanOrEqual(0);
      expect(left + width).toBeLessThanOrEqual(400);
      expect(top + height).toBeLessThanOrEqual(300);
      if (height < 300) {
        expect(Math.abs((width * height) / (400 * 300) - crop.scale)).toBeLessThan(0.01);
        expect(Math.abs(width / height - crop.ratio)).toBeLessThan(0.02);
      }
    }
  });

  it.each(['mean', 'edge'] as const)('turns by quarters and by half, anticlockwise, fill %s', async (fill) => {
    const turned = (rotation: number) => augmented(picture, { affine: { ...straight, rotation, fill } });
    expectNear(
      await turned(90),
      mapped((x, y) => [side - 1 - y, x]),
      1,
      1,
    );
    expectNear(
      await turned(-90),
      mapped((x, y) => [y, side - 1 - x]),
      1,
      1,
    );
    expectNear(
      await turned(180),
      mapped((x, y) => [side - 1 - x, side - 1 - y]),
      1,
      1,
    );
  });

  it('turns by any angle', async () => {
    const angle = Math.PI / 6;
    const expected = rgb(side, side, (x, y) => {
      const [u, v] = [x - 19.5, y - 19.5];
      const [sx, sy] = [Math.cos(angle) * u - Math.sin(angle) * v, Math.sin(angle) * u + Math.cos(angle) * v];
      return [
        Math.min(255, Math.max(0, ((sx + 19.5) / 39) * 255)),
        Math.min(255, Math.max(0, ((sy + 19.5) / 39) * 255)),
        128,
      ];
    });
    const values = await augmented(picture, { affine: { ...straight, rotation: 30, fill: 'edge' } });
    expectNear(values, expected, 3);
  });

  it('fills corners with the mean', async () => {
    const p = { ...plain, mean: [10, 20, 30] };
    const values = await augmented(picture, { affine: { ...straight, rotation: 45 } }, p);
    for (const [x, y] of [
      [0, 0],
      [39, 0],
      [0, 39],
      [39, 39],
    ])
      expect(at(values, x, y)).toEqual([0, 0, 0]);
    expect(at(values, 20, 20)[2]).toBe(98);
  });

  it('shows what lies beyond a crop when it turns', async () => {
    const wide = gradient(120, 120);
    const crop = { scale: 1 / 9, ratio: 1, x: 0.5, y: 0.5 };
    const values = await augmented(wide, { crop, affine: { ...straight, rotation: 45 } }, plain, [120, 120]);
    // The input's top left corner shows what was 28 pixels above the centre, the bottom left one what was as far to the left.
    expect(at(values, 0, 0)[0]).toBeCloseTo(127, -1);
    expect(at(values, 0, 0)[1]).toBeCloseTo(68, -1);
    expect(at(values, 0, 39)[0]).toBeCloseTo(68, -1);
    expect(at(values, 0, 39)[1]).toBeCloseTo(127, -1);
    expect(values.every((value) => value > 50)).toBe(true);
  });

  it('shifts and shears', async () => {
    const shifted = await augmented(picture, { affine: { ...straight, x: 0.25, y: -0.1, fill: 'edge' } });
    expectNear(
      shifted,
      mapped((x, y) => [Math.max(0, x - 10), Math.min(side - 1, y + 4)]),
      1,
    );
    const sheared = await augmented(picture, { affine: { ...straight, shear: 45, fill: 'edge' } });
    expectNear(
      sheared,
      mapped((x, y) => [Math.min(side - 1, Math.max(0, Math.round(x - (y - 19.5)))), y]),
      5,
      1,
    );
  });

  it('leaves no hole with edges drawn out, whatever the sizes', async () => {
    const random = new Random(3);
    const wild = readAugmentation({
      resizedCrop: { probability: 0.7, scale: [0.01, 1], ratio: [0.2, 5] },
      rotation: { probability: 0.7, degrees: [-180, 180], fill: 'edge' },
      shear: { probability: 0.4, degrees: [-40, 40] },
      translation: { probability: 0.4, fraction: [-0.5, 0.5] },
      blur: { probability: 0.3, sigma: [0.3, 3] },
    });
    // libvips blurs with whole numbers, and loses a few of 200.
    for (let i = 0; i < 100; i++) {
      const [width, height] = [8 + random.below(100), 8 + random.below(i % 9 ? 100 : 800)];
      const p = presetPreprocessing('raw', { width: 8 + random.below(50), height: 8 + random.below(50) });
      const draw = drawAugmentation(wild, random);
      const values = await augmented(new Uint8Array(width * height * 3).fill(200), draw, p, [width, height]);
      const hole = values.find((value) => value < 190);
      expect(hole, `${width}x${height} to ${p.width}x${p.height}, ${JSON.stringify(draw)}`).toBeUndefined();
    }
  });

  it('without a crop of its own takes that of evaluation', async () => {
    const p = presetPreprocessing('raw', { size: side, layout: 'nhwc', fit: 'crop', cropFraction: 0.5 });
    const values = await augmented(gradient(160, 80), {}, p, [160, 80]);
    expectNear(
      values,
      rgb(side, side, (x, y) => [((60 + x) / 159) * 255, ((20 + y) / 79) * 255, 128]),
      2,
    );
  });
});

describe('colour', () => {
  const colour = rgb(side, side, () => [100, 50, 25]);
  const first = async (draw: Partial<AugmentationDraw>) =>
    at(await augmented(colour, draw), 5, 5).map((v) => Math.round(v * 100) / 100);

  it('brightness multiplies', async () => {
    expect(await first({ brightness: 1.5 })).toEqual([150, 75, 37.5]);
    expect(await first({ brightness: 4 })).toEqual([255, 200, 100]);
  });

  it('contrast turns about the mean grey', async () => {
    const grey = 0.299 * 100 + 0.587 * 50 + 0.114 * 25;
    expect(await first({ contrast: 0 })).toEqual([grey, grey, grey].map((v) => Math.round(v * 100) / 100));
    expect((await first({ contrast: 0.5 }))[0]).toBeCloseTo((100 + grey) / 2, 1);
  });

  it('without saturation all channels are the same', async () => {
    const [red, green, blue] = await first({ saturation: 0 });
    expect([green, blue]).toEqual([red, red]);
    expect(red).toBeCloseTo(0.213 * 100 + 0.715 * 50 + 0.072 * 25, 1);
  });

  it('hue keeps greys and turns back', async () => {
    expect(
      at(
        await augmented(
          rgb(side, side, () => [80, 80, 80]),
          { hue: 120 },
        ),
        0,
        0,
      ).map(Math.round),
    ).toEqual([80, 80, 80]);
    expect(await first({ hue: 360 })).toEqual([100, 50, 25]);
    const [red, green] = await first({ hue: 120 });
    expect(green).toBeGreaterThan(red);
  });

  it('blur spreads a dot and keeps its sum', async () => {
    const dot = rgb(side, side, (x, y) => (x === 20 && y === 20 ? [255, 255, 255] : [0, 0, 0]));
    const values = await augmented(dot, { blur: 1 });
    expect(at(values, 20, 20)[0]).toBeLessThan(60);
    expect(at(values, 21, 20)[0]).toBeGreaterThan(15);
    expect(values.reduce((a, b) => a + b) / 765).toBeCloseTo(1, 0);
  });

  it('erases a rectangle with the mean, in either layout', async () => {
    const erasing = { area: 0.25, ratio: 1, x: 0, y: 0.999 };
    const p = { ...plain, mean: [1, 2, 3] };
    const values = await augmented(picture, { erasing }, p);
    expect(at(values, 0, 39)).toEqual([0, 0, 0]);
    expect(at(values, 19, 20)).toEqual([0, 0, 0]);
    expect(at(values, 20, 20)[2]).toBe(125);
    const planes = await augmented(picture, { erasing }, { ...p, layout: 'nchw' });
    expect(planes.every((value, i) => value === values[(i % (side * side)) * 3 + Math.floor(i / (side * side))])).toBe(
      true,
    );
  });
});

describe('drawing', () => {
  it('depends on the seed alone', () => {
    const draw = (seed: number) => drawAugmentation(augmentationPolicies.heavy, new Random(seed, 'augment', 1, 2));
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
  });

  it('follows probability and range', () => {
    const random = new Random(7);
    const a: Augmentation = { horizontalFlip: { probability: 0.25 }, hue: { probability: 1, degrees: [-20, 10] } };
    const draws = Array.from({ length: 2000 }, () => drawAugmentation(a, random));
    expect(draws.filter(({ horizontalFlip }) => horizontalFlip).length / 2000).toBeCloseTo(0.25, 1);
    expect(Math.min(...draws.map(({ hue }) => hue))).toBeLessThan(-19);
    expect(Math.max(...draws.map(({ hue }) => hue))).toBeLessThan(10);
    expect(draws.every(({ verticalFlip, blur, affine, crop }) => !verticalFlip && blur === 0 && !affine && !crop)).toBe(
      true,
    );
  });

  it('none changes nothing', () => {
    expect(drawAugmentation(augmentationPolicies.none, new Random(1))).toEqual(nothing);
  });
});

describe('configuration', () => {
  it('is a policy, an object, or a policy with changes', () => {
    expect(readAugmentation()).toBe(augmentationPolicies.light);
    expect(readAugmentation({ rotation: { probability: 1, degrees: [0, 90] } })).toEqual({
      rotation: { probability: 1, degrees: [0, 90], fill: 'mean' },
    });
    const changed = readAugmentation({ policy: 'light', horizontalFlip: { probability: 0 } });
    expect(changed).toEqual({ ...augmentationPolicies.light, horizontalFlip: { probability: 0 } });
  });

  it('all policies are valid', () => {
    for (const policy of Object.values(augmentationPolicies))
      expect(readAugmentation(JSON.parse(JSON.stringify(policy)))).toEqual(policy);
  });

  it.each([
    ['extreme', /there is no augmentation policy "extreme"/],
    [{ blurr: {} }, /augmentation.*blurr/],
    [{ horizontalFlip: { probability: 2 } }, /augmentation.horizontalFlip.probability: /],
    [
      { hue: { probability: 1, degrees: [10, -10] } },
      /augmentation.hue.degrees: the first number must not be above the second/,
    ],
    [{ policy: 'light', hue: 3 }, /augmentation.hue: /],
    [7, /augmentation: /],
  ])('%j is refused', (value, message) => {
    expect(() => readAugmentation(value)).toThrow(message);
  });
});

it('previews are pictures that differ', async () => {
  const file = `${temporaryFolder()}/p.png`;
  await fromRgb(gradient(80, 60), 80, 60).png().toFile(file);
  const p = presetPreprocessing('imagenet', { size: side });
  const urls = await preview(file, p, augmentationPolicies.medium, { count: 3 });
  expect(new Set(urls).size).toBe(3);
  for (const url of urls) expect(url).toMatch(/^data:image\/jpeg;base64,/);
  expect(await preview(file, p, augmentationPolicies.medium, { count: 3 })).toEqual(urls);
});
