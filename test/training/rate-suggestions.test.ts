import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { smoothed, suggestRates } from '../../src/training/index.ts';
import { minimum, steep, valley } from '../../src/training/rate-suggestions.ts';

interface RangeTest {
  readonly rates: number[];
  readonly losses: number[];
  readonly suggestions: Readonly<Record<'valley' | 'steep' | 'minimum', number>>;
}

const { rangeTests }: { rangeTests: RangeTest[] } = JSON.parse(
  readFileSync(new URL('../fixtures/fastai.json', import.meta.url), 'utf8'),
);

it.each(rangeTests)('the rules match fastai: $suggestions', ({ rates, losses, suggestions }) => {
  const found = { valley: valley(rates, losses), steep: steep(rates, losses), minimum: minimum(rates, losses) };
  for (const rule of ['valley', 'steep', 'minimum'] as const)
    expect(found[rule] / suggestions[rule], rule).toBeCloseTo(1, 6);
});

describe('the suggested rate', () => {
  // Falls near 1e-3, has its minimum at 1e-1, and explodes after that.
  const curve = (wave: (i: number) => number) =>
    Array.from({ length: 60 }, (_, i) => {
      const lr = 10 ** (-6 + i / 10);
      const loss = 2 - 1.8 / (1 + (1e-3 / lr) ** 2) + Math.max(0, Math.log10(lr) + 1) * 8 + wave(i);
      return { lr, loss };
    });

  it('lies where the curve falls, with or without noise in single losses', () => {
    for (const wave of [() => 0, (i: number) => 0.1 * Math.sin(2.5 * i)]) {
      const { valley, steep, minimum } = suggestRates(smoothed(curve(wave)))!;
      for (const rate of [valley, steep]) {
        expect(rate).toBeGreaterThan(5e-5);
        expect(rate).toBeLessThan(4e-3);
      }
      expect(minimum).toBeGreaterThan(1e-3);
      expect(minimum).toBeLessThan(2e-2);
    }
  });

  it('is undefined if the loss rises, is noisy, or has too few points', () => {
    const points = (loss: (i: number) => number, count = 40) =>
      smoothed(Array.from({ length: count }, (_, i) => ({ lr: 10 ** (i / 10 - 4), loss: loss(i) })));
    expect(suggestRates(points((i) => 1 + i))).toBeNull();
    expect(suggestRates(points((i) => 1 + Math.sin(2.2 * i)))).toBeNull();
    expect(suggestRates(points((i) => 9 - i, 5))).toBeNull();
  });
});
