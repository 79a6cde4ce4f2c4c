// Draws of TrivialAugment, RandAugment and AugMix, with torchvision's strengths, and the distributions of AugMix's weights.
import { describe, expect, it } from 'vitest';
import { type AugmentationDraw, drawAugmentation, readAugmentation } from '../../src/data/index.ts';
import { Random } from '../../src/random.ts';

const draws = (augmentation: unknown, count = 2000): AugmentationDraw[] => {
  const random = new Random(5);
  return Array.from({ length: count }, () => drawAugmentation(readAugmentation(augmentation), random));
};
type Step = readonly [name: string, ...numbers: number[]];
const stepsOf = ({ moves, operations }: Pick<AugmentationDraw, 'moves' | 'operations'>): Step[] => [
  ...moves,
  ...operations,
];

/** Distinct parameters of each step, sorted. */
function strengths(steps: readonly Step[]): Record<string, number[]> {
  const byName = new Map<string, Step[]>();
  for (const step of steps) byName.set(step[0], [...(byName.get(step[0]) ?? []), step]);
  const numbers = (all: readonly Step[]) => [...new Set(all.map(([, by]) => by ?? Number.NaN))].sort((a, b) => a - b);
  return Object.fromEntries([...byName].map(([name, all]) => [name, numbers(all)]));
}

const NAMES = [
  ...['autocontrast', 'brightness', 'contrast', 'equalize', 'posterize', 'rotation', 'saturation', 'sharpness'],
  ...['shearX', 'shearY', 'solarize', 'translationX', 'translationY'],
];

describe('TrivialAugment', () => {
  const all = draws({ trivialAugment: { probability: 1 } }, 8000);
  const drawn = strengths(all.flatMap(stepsOf));

  it('draws one of fourteen operations, equally often', () => {
    expect(all.every((draw) => stepsOf(draw).length <= 1)).toBe(true);
    expect(Object.keys(drawn).sort()).toEqual(NAMES);
    const idle = all.filter((draw) => stepsOf(draw).length === 0).length;
    expect(Math.abs(idle / 8000 - 1 / 14)).toBeLessThan(0.015);
  });

  it('uses any of 31 strengths of the wide space', () => {
    expect(drawn.rotation).toHaveLength(61);
    expect([drawn.rotation[0], drawn.rotation[60]]).toEqual([-135, 135]);
    expect(Math.tan((drawn.shearX.at(-1)! * Math.PI) / 180)).toBeCloseTo(0.99, 10);
    expect(drawn.translationY.at(-1)).toBeCloseTo(32 / 224, 10);
    expect([drawn.contrast[0], drawn.contrast.at(-1)]).toEqual([0.010000000000000009, 1.99]);
    expect(drawn.posterize).toEqual([2, 3, 4, 5, 6, 7, 8]);
    expect([drawn.solarize[0], drawn.solarize.at(-1)]).toEqual([0, 255]);
    expect(drawn.equalize).toEqual([Number.NaN]);
  });
});

describe('RandAugment', () => {
  it('draws two operations with strength 9 of 30', () => {
    const all = draws({ randAugment: { probability: 1 } });
    expect(Math.max(...all.map((draw) => stepsOf(draw).length))).toBe(2);
    const drawn = strengths(all.flatMap(stepsOf));
    expect(Object.keys(drawn).sort()).toEqual(NAMES);
    expect(drawn.rotation.map((by) => by.toFixed(6))).toEqual(['-9.000000', '9.000000']);
    expect(drawn.brightness.map((by) => by.toFixed(6))).toEqual(['0.730000', '1.270000']);
    expect(drawn.translationX[1]).toBeCloseTo((0.3 * 150) / 331, 10);
    expect(drawn.posterize).toEqual([7]);
    expect(drawn.solarize.map((by) => by.toFixed(4))).toEqual(['178.5000']);
  });

  it('draws the requested number and strength of operations', () => {
    const all = draws({ randAugment: { probability: 0.5, operations: 4, magnitude: 30 } });
    expect(Math.max(...all.map((draw) => stepsOf(draw).length))).toBe(4);
    const none = all.filter((draw) => stepsOf(draw).length === 0).length;
    expect(Math.abs(none / 2000 - 0.5)).toBeLessThan(0.05);
    expect(strengths(all.flatMap(stepsOf)).rotation).toEqual([-30, 30]);
  });
});

describe('AugMix', () => {
  it('blends the image and three chains of one to three operations', () => {
    const all = draws({ augMix: { probability: 1 } });
    for (const { mix, moves, operations } of all) {
      expect(mix).toHaveLength(4);
      expect([moves, operations]).toEqual([[], []]);
      expect(mix!.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 10);
      expect(stepsOf(mix![0])).toEqual([]);
      for (const chain of mix!.slice(1)) expect([1, 2, 3]).toContain(stepsOf(chain).length);
    }
    // With α = 1, the weight of the image is uniform from 0 to 1.
    const own = all.map(({ mix }) => mix![0].weight);
    expect(own.reduce((a, b) => a + b) / own.length).toBeCloseTo(0.5, 1);
    expect(own.filter((weight) => weight < 0.25).length / own.length).toBeCloseTo(0.25, 1);
    const drawn = strengths(all.flatMap(({ mix }) => mix!.slice(1).flatMap(stepsOf)));
    // Severity 3: strengths 0, 1/9 and 2/9.
    expect(drawn.rotation.map((by) => by.toFixed(3))).toEqual(['-6.667', '-3.333', '0.000', '3.333', '6.667']);
    expect(drawn.posterize).toEqual([3, 4]);
  });

  it('respects width and severity', () => {
    const [draw] = draws({ augMix: { probability: 1, width: 1, severity: 10, alpha: 0.2 } }, 1);
    expect(draw.mix).toHaveLength(2);
  });
});

describe('random numbers', () => {
  const random = new Random(11);
  const many = (draw: () => number) => Array.from({ length: 20_000 }, draw);
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b) / values.length;
  const variance = (values: readonly number[]) => mean(values.map((value) => (value - mean(values)) ** 2));

  it.each([0.3, 1, 2.5, 20])('of a gamma distribution of shape %d', (shape) => {
    const values = many(() => random.gamma(shape));
    // Mean and variance both equal the shape.
    expect(Math.abs(mean(values) / shape - 1)).toBeLessThan(0.05);
    expect(Math.abs(variance(values.slice(0, 4000)) / shape - 1)).toBeLessThan(0.2);
  });

  it.each([
    [0.2, 0.2],
    [1, 1],
    [2, 6],
  ])('of a beta distribution of %d and %d', (a, b) => {
    const values = many(() => random.beta(a, b)).slice(0, 4000);
    expect(Math.abs(mean(values) - a / (a + b))).toBeLessThan(0.03);
    expect(variance(values) / ((a * b) / ((a + b) ** 2 * (a + b + 1)))).toBeCloseTo(1, 0);
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...values)).toBeLessThanOrEqual(1);
  });

  it('one weight is 1 if all would be 0', () => {
    const parts = random.dirichlet(1e-9, 3);
    expect(parts.toSorted()).toEqual([0, 0, 1]);
  });
});
