import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import {
  type Augmentation,
  type AugmentationDraw,
  augmentationPolicies,
  cropRectangle,
  drawAugmentation,
  operate,
  type Preprocessing,
  presetPreprocessing,
  readAugmentation,
} from '../../src/data/index.ts';
import { augmentImage, preview } from '../../src/data/node/index.ts';
import { Random } from '../../src/random.ts';
import { fromRgb, gradient, rgb, temporaryFolder } from './images.ts';
import { Differences, drawn, waves } from './web/compare.ts';

const nothing: AugmentationDraw = {
  ...{ quarterTurns: 0, horizontalFlip: false, verticalFlip: false, fill: 'mean', moves: [], blur: 0, operations: [] },
};
const side = 40;
const plain = presetPreprocessing('raw', { size: side, layout: 'nhwc' });

/** The image has the input's size, so that unchanged values stay bit-identical. */
async function augmented(
  data: Uint8Array,
  draw: Partial<AugmentationDraw>,
  p: Preprocessing = plain,
  [width, height] = [side, side],
): Promise<Float32Array> {
  const out = new Float32Array(p.width * p.height * 3);
  await augmentImage({ data, width, height }, p, { ...nothing, ...draw }, out, 0);
  return out;
}

const at = (values: Float32Array, x: number, y: number) => [
  ...values.subarray((y * side + x) * 3, (y * side + x) * 3 + 3),
];
const image = gradient(side, side);
const mapped = (from: (x: number, y: number) => [number, number]) =>
  rgb(side, side, (x, y) => {
    const [sx, sy] = from(x, y);
    return [...image.subarray((sy * side + sx) * 3, (sy * side + sx) * 3 + 3)] as [number, number, number];
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
  it('changes nothing if nothing is drawn', async () => {
    expect([...(await augmented(image, {}))]).toEqual([...image]);
  });

  it('flips', async () => {
    expectNear(
      await augmented(image, { horizontalFlip: true }),
      mapped((x, y) => [side - 1 - x, y]),
      0,
    );
    expectNear(
      await augmented(image, { verticalFlip: true }),
      mapped((x, y) => [x, side - 1 - y]),
      0,
    );
  });

  it('crops and enlarges', async () => {
    // The lower right quarter.
    const values = await augmented(image, { crop: { scale: 0.25, ratio: 1, x: 0.999, y: 0.999 } });
    expectNear(
      values,
      mapped((x, y) => [20 + (x >> 1), 20 + (y >> 1)]),
      4,
    );
  });

  it('keeps crops inside the image, with the requested aspect ratio and area', () => {
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

  it.each(['mean', 'edge'] as const)('rotates by quarter and half turns, anticlockwise, fill %s', async (fill) => {
    const turned = (rotation: number) => augmented(image, { moves: [['rotation', rotation]], fill });
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

  it('rotates by any angle', async () => {
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
    const values = await augmented(image, { moves: [['rotation', 30]], fill: 'edge' });
    expectNear(values, expected, 3);
  });

  it('fills corners with the mean', async () => {
    const p = { ...plain, mean: [10, 20, 30] };
    const values = await augmented(image, { moves: [['rotation', 45]] }, p);
    for (const [x, y] of [
      [0, 0],
      [39, 0],
      [0, 39],
      [39, 39],
    ])
      expect(at(values, x, y)).toEqual([0, 0, 0]);
    expect(at(values, 20, 20)[2]).toBe(98);
  });

  it('shows the surroundings of a crop when rotated', async () => {
    const wide = gradient(120, 120);
    const crop = { scale: 1 / 9, ratio: 1, x: 0.5, y: 0.5 };
    const values = await augmented(wide, { crop, moves: [['rotation', 45]] }, plain, [120, 120]);
    // The input's top left corner shows the pixel 28 above the centre; the bottom left corner, the one as far to the left.
    expect(at(values, 0, 0)[0]).toBeCloseTo(127, -1);
    expect(at(values, 0, 0)[1]).toBeCloseTo(68, -1);
    expect(at(values, 0, 39)[0]).toBeCloseTo(68, -1);
    expect(at(values, 0, 39)[1]).toBeCloseTo(127, -1);
    expect(values.every((value) => value > 50)).toBe(true);
  });

  it('shifts and shears', async () => {
    const shifted = await augmented(image, {
      moves: [
        ['translationX', 0.25],
        ['translationY', -0.1],
      ],
      fill: 'edge',
    });
    expectNear(
      shifted,
      mapped((x, y) => [Math.max(0, x - 10), Math.min(side - 1, y + 4)]),
      1,
    );
    const sheared = await augmented(image, { moves: [['shearX', 45]], fill: 'edge' });
    expectNear(
      sheared,
      mapped((x, y) => [Math.min(side - 1, Math.max(0, Math.round(x - (y - 19.5)))), y]),
      5,
      1,
    );
    const upright = await augmented(image, { moves: [['shearY', 45]], fill: 'edge' });
    expectNear(
      upright,
      mapped((x, y) => [x, Math.min(side - 1, Math.max(0, Math.round(y - (x - 19.5))))]),
      5,
      1,
    );
  });

  it('zooms in and out', async () => {
    const near = await augmented(image, { moves: [['zoom', 2]] });
    expectNear(
      near,
      mapped((x, y) => [10 + (x >> 1), 10 + (y >> 1)]),
      4,
    );
    const far = await augmented(image, { moves: [['zoom', 0.5]] }, { ...plain, mean: [1, 2, 3] });
    expect(at(far, 5, 20)).toEqual([0, 0, 0]);
    expect(at(far, 20, 34)).toEqual([0, 0, 0]);
    expect(at(far, 12, 20)[0]).toBeCloseTo((5 / 39) * 255 - 1, -1);
    const drawnOut = await augmented(image, { moves: [['zoom', 0.5]], fill: 'edge' });
    expect(at(drawnOut, 2, 20)[0]).toBeLessThan(5);
    expect(at(drawnOut, 37, 20)[0]).toBeGreaterThan(250);
  });

  it('composes any number of moves about the centre', async () => {
    const there = await augmented(image, {
      moves: [
        ['translationX', 0.25],
        ['rotation', 90],
        ['zoom', 2],
      ],
      fill: 'edge',
    });
    // A point (x, y) relative to the centre goes to (y, −x − 10), then to twice that.
    expectNear(
      there,
      mapped((x, y) => {
        const [u, v] = [(x - 19.5) / 2, (y - 19.5) / 2];
        return [Math.min(39, Math.max(0, Math.round(-v - 10 + 19.5))), Math.round(u + 19.5)];
      }),
      8,
      1,
    );
  });

  it('rotates by quarter turns exactly, with swapped sides', async () => {
    const wide = gradient(side, side / 2);
    const p = { ...plain, width: side / 2, height: side };
    const quarter = await augmented(wide, { quarterTurns: 1 }, p, [side, side / 2]);
    // The top right corner moves to the top left.
    expect([...quarter.subarray(0, 3)]).toEqual([255, 0, 128]);
    const half = await augmented(image, { quarterTurns: 2 });
    expect([...half]).toEqual([...(await augmented(image, { horizontalFlip: true, verticalFlip: true }))]);
    expectNear(
      await augmented(image, { quarterTurns: 3 }),
      mapped((x, y) => [y, side - 1 - x]),
      0,
    );
  });

  it('leaves no gap with repeated edges, for any sizes', async () => {
    const random = new Random(3);
    const wild = readAugmentation({
      resizedCrop: { probability: 0.7, scale: [0.01, 1], ratio: [0.2, 5] },
      fill: 'edge',
      rotation: { probability: 0.7, degrees: [-180, 180] },
      zoom: { probability: 0.4, factor: [0.4, 2] },
      shear: { probability: 0.4, degrees: [-40, 40], along: 'both' },
      translation: { probability: 0.4, fraction: [-0.5, 0.5] },
      blur: { probability: 0.3, sigma: [0.3, 3] },
    });
    // libvips blurs with integers, and loses a few of 200.
    for (let i = 0; i < 100; i++) {
      const [width, height] = [8 + random.below(100), 8 + random.below(i % 9 ? 100 : 800)];
      const p = presetPreprocessing('raw', { width: 8 + random.below(50), height: 8 + random.below(50) });
      const draw = drawAugmentation(wild, random);
      const values = await augmented(new Uint8Array(width * height * 3).fill(200), draw, p, [width, height]);
      const hole = values.find((value) => value < 190);
      expect(hole, `${width}x${height} to ${p.width}x${p.height}, ${JSON.stringify(draw)}`).toBeUndefined();
    }
  });

  it('uses the crop of evaluation by default', async () => {
    const p = presetPreprocessing('raw', { size: side, layout: 'nhwc', fit: 'crop', cropFraction: 0.5 });
    const values = await augmented(gradient(160, 80), {}, p, [160, 80]);
    expectNear(
      values,
      rgb(side, side, (x, y) => [((60 + x) / 159) * 255, ((20 + y) / 79) * 255, 128]),
      2,
    );
  });
});

describe('pixels', () => {
  it('operations apply in the drawn order, to the visible window', async () => {
    // The left half is dark, but outside of the crop, so it does not count.
    const halves = rgb(side, side, (x) => (x < 20 ? [0, 0, 0] : [100, 100, 100]));
    const crop = { scale: 0.25, ratio: 1, x: 0.999, y: 0 };
    const operations = [
      ['brightness', 2],
      ['contrast', 0],
    ] as const;
    expect(at(await augmented(halves, { crop, operations }), 20, 20)).toEqual([199, 199, 199]);
    const reverse = operations.toReversed();
    const brighter = at(await augmented(halves, { operations: reverse }), 0, 0)[0];
    expect(brighter).toBe(2 * 49);
  });

  it('perspective and elastic distortion fill with the mean or repeat the edge', async () => {
    const grey = new Uint8Array(side * side * 3).fill(200);
    const perspective = new Array<number>(8).fill(0.2);
    const p = { ...plain, mean: [10, 10, 10] };
    const filled = await augmented(grey, { perspective }, p);
    expect(at(filled, 0, 0)).toEqual([0, 0, 0]);
    expect(at(filled, 20, 20)).toEqual([190, 190, 190]);
    const drawnOut = await augmented(grey, { perspective, fill: 'edge' }, p);
    expect(new Set(drawnOut)).toEqual(new Set([190]));
    const elastic = { alpha: 100, sigma: 2, seed: 3 };
    const moved = await augmented(image, { elastic, fill: 'edge' });
    expect(await augmented(image, { elastic, fill: 'edge' })).toEqual(moved);
    expectNear(await augmented(image, { elastic: { ...elastic, alpha: 0 } }), image, 0);
    // A Gaussian of σ reduces the noise, whose std is 1/√3, by 1 / (2σ√π): 4.1 pixels, and one pixel is worth 6.5.
    const shifts = [...moved].filter((_, i) => i % 3 === 0).map((value, i) => (value - image[3 * i]) / 6.5);
    const std = Math.sqrt(shifts.reduce((sum, shift) => sum + shift ** 2, 0) / shifts.length);
    expect(std).toBeGreaterThan(2.5);
    expect(std).toBeLessThan(5);
  });

  it('noise has the requested standard deviation, and equal seeds give equal noise', async () => {
    const grey = new Uint8Array(side * side * 3).fill(128);
    const noisy = await augmented(grey, { operations: [['noise', 0.04, 1]] });
    const mean = noisy.reduce((a, b) => a + b) / noisy.length;
    const std = Math.sqrt(noisy.reduce((sum, value) => sum + (value - mean) ** 2, 0) / noisy.length);
    expect(Math.abs(mean - 128)).toBeLessThan(0.7);
    expect(Math.abs(std - 0.04 * 255)).toBeLessThan(0.5);
    expect(await augmented(grey, { operations: [['noise', 0.04, 1]] })).toEqual(noisy);
    expect(await augmented(grey, { operations: [['noise', 0.04, 2]] })).not.toEqual(noisy);
  });

  it.each([5, 30, 60, 95])('JPEG with quality %i equals that of sharp', async (quality) => {
    const [width, height] = [61, 45];
    const { data } = waves(width, height);
    const written = await fromRgb(data, width, height).jpeg({ quality, chromaSubsampling: '4:2:0' }).toBuffer();
    const expected = await drawn(sharp(written));
    const differences = new Differences();
    differences.add(operate({ data, width, height }, [['jpeg', quality]]).data, expected.data);
    const before = new Differences();
    before.add(data, expected.data);
    expect(differences.mean).toBeLessThan(before.mean / 3.5);
  });

  it('blends copies by their weights', async () => {
    const mix = [
      { weight: 0.25, moves: [], operations: [] },
      { weight: 0.75, moves: [], operations: [['invert'] as const] },
    ];
    const flat = rgb(side, side, () => [100, 20, 200]);
    expect(at(await augmented(flat, { mix }), 5, 5)).toEqual([141, 181, 91]);
    const operations = [['greyscale'] as const];
    const after = at(await augmented(flat, { mix, operations }), 5, 5);
    expect(new Set(after).size).toBe(1);
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
    const values = await augmented(image, { erasing }, p);
    expect(at(values, 0, 39)).toEqual([0, 0, 0]);
    expect(at(values, 19, 20)).toEqual([0, 0, 0]);
    expect(at(values, 20, 20)[2]).toBe(125);
    const noisy = await augmented(image, { erasing: { ...erasing, noise: 5 } }, p);
    const filled = Array.from({ length: 400 }, (_, i) => at(noisy, i % 20, 20 + Math.floor(i / 20))).flat();
    expect(Math.abs(filled.reduce((a, b) => a + b) / 1200)).toBeLessThan(0.1);
    expect(filled.reduce((a, b) => a + b * b, 0) / 1200).toBeCloseTo(1, 0);
    const planes = await augmented(image, { erasing }, { ...p, layout: 'nchw' });
    expect(planes.every((value, i) => value === values[(i % (side * side)) * 3 + Math.floor(i / (side * side))])).toBe(
      true,
    );
  });
});

describe('drawing', () => {
  it('depends only on the seed', () => {
    const draw = (seed: number) => drawAugmentation(augmentationPolicies.heavy, new Random(seed, 'augment', 1, 2));
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
  });

  it('respects probability and range', () => {
    const random = new Random(7);
    const a: Augmentation = { horizontalFlip: { probability: 0.25 }, hue: { probability: 1, degrees: [-20, 10] } };
    const draws = Array.from({ length: 2000 }, () => drawAugmentation(a, random));
    expect(draws.filter(({ horizontalFlip }) => horizontalFlip).length / 2000).toBeCloseTo(0.25, 1);
    const turns = draws.map(({ operations: [[name, by]] }) => (name === 'hue' ? by : Number.NaN));
    expect(Math.min(...turns)).toBeLessThan(-19);
    expect(Math.max(...turns)).toBeLessThan(10);
    expect(draws.every(({ verticalFlip, blur, moves, crop }) => !verticalFlip && !blur && !moves.length && !crop)).toBe(
      true,
    );
  });

  it('a greyscale image has no other colours', () => {
    const a = { greyscale: { probability: 1 }, hue: { probability: 1, degrees: [5, 5] as [number, number] } };
    expect(drawAugmentation(a, new Random(1)).operations).toEqual([['greyscale']]);
  });

  it('none changes nothing', () => {
    expect(drawAugmentation(augmentationPolicies.none, new Random(1))).toEqual(nothing);
  });
});

describe('configuration', () => {
  it('is a policy, an object, or a policy with changes', () => {
    expect(readAugmentation()).toBe(augmentationPolicies.light);
    const rotation = { probability: 1, degrees: [0, 90] };
    expect(readAugmentation({ rotation })).toEqual({ rotation });
    const changed = readAugmentation({ policy: 'light', horizontalFlip: { probability: 0 } });
    expect(changed).toEqual({ ...augmentationPolicies.light, horizontalFlip: { probability: 0 } });
  });

  it('all policies are valid', () => {
    for (const policy of Object.values(augmentationPolicies))
      expect(readAugmentation(JSON.parse(JSON.stringify(policy)))).toEqual(policy);
  });

  it.each([
    ['extreme', /unknown augmentation policy "extreme"/],
    [{ blurr: {} }, /setting augment: there is no "blurr"\. Did you mean blur\?/],
    [
      { horizontalFlip: { probability: 2 } },
      /setting augment\.horizontalFlip\.probability: it takes a number of at most 1, not 2/,
    ],
    [
      { hue: { probability: 1, degrees: [10, -10] } },
      /setting augment\.hue\.degrees: the first number must not be above the second/,
    ],
    [{ policy: 'light', hue: 3 }, /setting augment\.hue: it takes an object, not 3/],
    [{ posterize: { probability: 1, bits: [5, 3] } }, /setting augment\.posterize\.bits: the first number/],
    [{ fill: 'sky' }, /setting augment\.fill: it takes .+, not "sky"/],
    [7, /setting augment: it takes an object, not 7/],
  ])('refuses %j', (value, message) => {
    expect(() => readAugmentation(value)).toThrow(message);
  });
});

it('previews are different images', async () => {
  const file = `${temporaryFolder()}/p.png`;
  await fromRgb(gradient(80, 60), 80, 60).png().toFile(file);
  const p = presetPreprocessing('imagenet', { size: side });
  const urls = await preview(file, p, augmentationPolicies.medium, { count: 3 });
  expect(new Set(urls).size).toBe(3);
  for (const url of urls) expect(url).toMatch(/^data:image\/jpeg;base64,/);
  expect(await preview(file, p, augmentationPolicies.medium, { count: 3 })).toEqual(urls);
});
