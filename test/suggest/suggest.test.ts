import { expect, test } from 'vitest';
import { Random } from '../../src/random.ts';
import { choose, doubtBetweenClasses, doubtOfLabels, Projection, type Vectors } from '../../src/suggest/index.ts';

const rows = (vectors: readonly (readonly number[])[]): Vectors => ({
  values: Float32Array.from(vectors.flat()),
  size: vectors[0]!.length,
});
const samples = (choices: readonly { readonly sample: number }[]) => choices.map(({ sample }) => sample);

test('doubts between classes', () => {
  expect(doubtBetweenClasses([0.25, 0.25, 0.25, 0.25])).toMatchObject({ margin: 0, entropy: expect.closeTo(1) });
  // H(0.5, 0.5, 0) / ln 3
  expect(doubtBetweenClasses([0.5, 0, 0.5]).entropy).toBeCloseTo(Math.LN2 / Math.log(3));
  const doubt = doubtBetweenClasses([0.1, 0.2, 0.7]);
  expect(doubt).toMatchObject({ outputs: [2, 1], probabilities: [0.7, 0.2], margin: expect.closeTo(0.5) });
  expect(doubtBetweenClasses([0, 1, 0])).toMatchObject({ entropy: 0, margin: 1, outputs: [1, 0] });
  expect(doubtBetweenClasses([1])).toEqual({ entropy: 0, margin: 1, outputs: [0], probabilities: [1] });
});

test('doubts about labels', () => {
  const doubt = doubtOfLabels([0.9, 0.35, 0.1], [0.5, 0.3, 0.5]);
  expect(doubt).toMatchObject({ outputs: [1], probabilities: [0.35], margin: expect.closeTo(0.05) });
  expect(doubtOfLabels([0.5, 0.5], [0.5, 0.5]).entropy).toBeCloseTo(1);
  expect(doubtOfLabels([0, 1], [0.5, 0.5]).entropy).toBe(0);
});

test('margin and uncertainty rank; equal ones in order', () => {
  const doubts = [
    [0.5, 0.5, 0],
    [0.4, 0.3, 0.3],
    [1, 0, 0],
    [0.5, 0.5, 0],
  ].map(doubtBetweenClasses);
  expect(samples(choose({ doubts }, { strategy: 'margin', count: 3 }))).toEqual([0, 3, 1]);
  expect(samples(choose({ doubts }, { strategy: 'uncertainty', count: 9 }))).toEqual([1, 0, 3, 2]);
});

test('diversity takes the farthest sample each time', () => {
  const features = rows([[0], [1], [4], [10], [10]]);
  const choices = choose({ features, labelled: rows([[0], [2]]) }, { strategy: 'diversity', count: 5 });
  expect(samples(choices)).toEqual([3, 2, 1, 0, 4]);
  expect(choices.map(({ distance }) => distance)).toEqual([8, 2, 1, 0, 0]);
  // The mean is 5.
  expect(samples(choose({ features }, { strategy: 'diversity', count: 2 }))).toEqual([2, 3]);
});

test('combined takes the typical sample of each group, and prefers unsure ones', () => {
  // Three groups far from each other. The first sample of each is its centre.
  const centres = [
    [0, 0],
    [10, 0],
    [0, 10],
  ];
  const points = centres.flatMap((centre) => [
    centre,
    ...Array.from({ length: 8 }, (_, i) => {
      const angle = (i * Math.PI) / 4;
      return [centre[0]! + Math.cos(angle), centre[1]! + Math.sin(angle)];
    }),
  ]);
  const unsure = points.map(() => doubtBetweenClasses([0.5, 0.5]));
  const request = { strategy: 'combined', count: 3, seed: 3 } as const;
  const chosen = samples(choose({ features: rows(points), doubts: unsure }, request));
  expect([...chosen].sort((a, b) => a - b)).toEqual([0, 9, 18]);
  // All but one side of the second group are sure.
  const doubts = points.map(([x]) => doubtBetweenClasses(x! > 10.5 ? [0.5, 0.5] : [0.9999, 0.0001]));
  const [only] = samples(choose({ features: rows(points), doubts }, { ...request, count: 1 }));
  expect(points[only!]![0]).toBeGreaterThan(10.5);
  // Copies do not stop it, and there are never more than samples.
  const copies = rows(Array.from({ length: 4 }, () => [1, 1]));
  const all = choose({ features: copies, doubts: unsure.slice(0, 4) }, { ...request, count: 9 });
  expect(samples(all).sort()).toEqual([0, 1, 2, 3]);
});

test('the same seed, the same choice', () => {
  const random = new Random(7);
  const features = { values: Float32Array.from({ length: 400 }, () => random.normal()), size: 4 };
  const doubts = Array.from({ length: 100 }, () => doubtBetweenClasses(random.dirichlet(1, 3)));
  const of = (seed: number) => samples(choose({ features, doubts }, { strategy: 'combined', count: 10, seed }));
  expect(of(1)).toEqual(of(1));
  expect(of(1)).not.toEqual(of(2));
  expect(new Set(of(1)).size).toBe(10);
});

test('a projection keeps distances', () => {
  const random = new Random(5);
  const projection = new Projection(1000, 128);
  const ratios = Array.from({ length: 50 }, () => {
    const row = Float32Array.from({ length: 1000 }, () => random.normal());
    const projected = new Float32Array(128);
    projection.apply(row, projected);
    return Math.hypot(...projected) / Math.hypot(...row);
  });
  expect(ratios.reduce((a, b) => a + b) / 50).toBeCloseTo(1, 1);
  expect(Math.max(...ratios.map((ratio) => Math.abs(ratio - 1)))).toBeLessThan(0.25);
});
