// Compares pixel operations with torchvision's numbers (scripts/reference/augmentation.py).
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { distortionOf } from '../../src/data/distortion.ts';
import { type Operation, operate, type Pixels } from '../../src/data/index.ts';
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
