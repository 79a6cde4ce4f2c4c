// Compares pixel operations with torchvision's numbers (scripts/reference/augmentation.py).
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { distortionOf } from '../../src/data/distortion.ts';
import { drawAugmentation, type Operation, operate, type Pixels, presetPreprocessing } from '../../src/data/index.ts';
import { writeDrawn } from '../../src/data/rendering.ts';
import { Random } from '../../src/random.ts';
import { Differences } from './web/compare.ts';

interface Fixture {
  readonly width: number;
  readonly height: number;
  readonly images: Readonly<Record<string, string>>;
  readonly cases: readonly {
    readonly operation: string;
    readonly numbers: readonly number[];
    readonly image: string;
    readonly expected: string;
  }[];
  readonly perspective: readonly { readonly corners: readonly number[]; readonly expected: string }[];
}
const fixture: Fixture = JSON.parse(readFileSync(new URL('../fixtures/augmentation.json', import.meta.url), 'utf8'));
const { width, height } = fixture;
const bytes = (base64: string) => new Uint8Array(Buffer.from(base64, 'base64'));
const image = (name: string): Pixels => ({ data: bytes(fixture.images[name]), width, height });

function differences(actual: Pixels, expected: string): Differences {
  const found = new Differences();
  found.add(actual.data, bytes(expected));
  return found;
}

/** Allowed difference in 8-bit steps due to single-precision rounding. */
const TOLERANCE: Readonly<Record<string, number>> = { contrast: 1, saturation: 1, hue: 1, gamma: 1 };

describe('equals torchvision', () => {
  it.each(fixture.cases)('$operation $numbers of $image', ({ operation, numbers, image: name, expected }) => {
    const { greatest, mean } = differences(
      operate(image(name), [[operation, ...numbers] as unknown as Operation]),
      expected,
    );
    expect(greatest).toBeLessThanOrEqual(TOLERANCE[operation] ?? 0);
    expect(mean).toBeLessThan(0.01);
  });

  it.each(fixture.perspective)('perspective $corners', ({ corners, expected }) => {
    const distort = distortionOf({ perspective: corners }, { width, height })!;
    const { greatest, mean } = differences(distort(image('waves'), [0, 0, 0]), expected);
    expect(greatest).toBeLessThanOrEqual(1);
    expect(mean).toBeLessThan(0.01);
  });
});

it('applies operations together as one after the other', () => {
  const operations: readonly Operation[] = [
    ['brightness', 1.2],
    ['contrast', 0.7],
    ['saturation', 1.4],
    ['gamma', 0.8],
    ['equalize'],
    ['sharpness', 2],
    ['posterize', 5],
    ['autocontrast'],
    ['hue', 20],
    ['solarize', 200],
  ];
  const before = image('waves');
  const inTurn = operations.reduce((pixels, operation) => operate(pixels, [operation]), before);
  expect(operate(before, operations).data).toEqual(inTurn.data);
});

it.each(['rgb', 'bgr', 'grey'] as const)(
  'writes values on single pixels without a pass of their own (%s)',
  (channels) => {
    const p = presetPreprocessing('imagenet', { width, height, fit: 'stretch', cropFraction: 1, channels });
    const draw = drawAugmentation({}, new Random(0));
    const operations: readonly Operation[] = [
      ['saturation', 0.5],
      ['brightness', 1.3],
      ['contrast', 1.2],
    ];
    const write = (pixels: Pixels, rest: readonly Operation[]) => {
      const values = new Float32Array(width * height * p.mean.length);
      writeDrawn([{ pixels, left: 0, top: 0 }], p, { ...draw, operations: rest, horizontalFlip: true }, values, 0);
      return values;
    };
    expect(write(image('waves'), operations)).toEqual(write(operate(image('waves'), operations), []));
  },
);
