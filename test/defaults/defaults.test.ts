import { describe, expect, test } from 'vitest';
import { compare } from '../../scripts/defaults/comparison.ts';
import { PLAN_SETS, PLANS } from '../../scripts/defaults/plans.ts';
import type { RunResult } from '../../scripts/defaults/results.ts';
import { halves } from '../../scripts/defaults/split.ts';
import { pairedInterval, standardError } from '../../scripts/defaults/statistics.ts';
import { csvOf } from '../../src/report/csv.ts';

describe('the halves of the held-out samples', () => {
  const samples = ['a', 'b', 'c', 'd'].flatMap((label) => [0, 1, 2].map((i) => ({ label, file_name: `${label}${i}` })));

  test('have all samples, each once, and as many of each class as possible', () => {
    const { val, test: rest } = halves(samples, 0);
    expect([...val, ...rest].map(({ file_name }) => file_name).sort()).toEqual(
      samples.map(({ file_name }) => file_name),
    );
    expect([val.length, rest.length]).toEqual([6, 6]);
    for (const label of ['a', 'b', 'c', 'd']) {
      const count = val.filter((sample) => sample.label === label).length;
      expect([1, 2]).toContain(count);
    }
  });

  test('depend on the seed alone', () => {
    expect(halves(samples, 1)).toEqual(halves(samples, 1));
    expect(halves(samples, 1)).not.toEqual(halves(samples, 2));
  });
});

test('a table quotes commas, quotes and line breaks', () => {
  const rows = [
    ['text', 'label'],
    ['a, "b"', 'x'],
  ];
  expect(csvOf(rows)).toBe('text,label\n"a, ""b""",x\n');
});

test('the names of plans are unique, and the short grid is a part of the grid', () => {
  expect(PLAN_SETS.grid).toHaveLength(99);
  expect(Object.keys(PLANS)).toHaveLength(100);
  expect(PLAN_SETS.short).toHaveLength(8);
  for (const plan of PLAN_SETS.short) expect(PLAN_SETS.grid).toContain(plan);
  expect(PLANS['gradual-e30-lr3-r0.3'](0.01)).toEqual({ preset: 'gradual', epochs: 30, lr: 0.03, pretrainedRate: 0.3 });
});

test('the interval is that of a paired t-test', () => {
  // scipy.stats.ttest_rel(a, b).confidence_interval()
  const [a, b] = [
    [0.9, 0.8, 0.95, 0.85, 0.9],
    [0.85, 0.82, 0.9, 0.8, 0.86],
  ];
  const { mean, half } = pairedInterval(a, b);
  expect(mean).toBeCloseTo(0.034, 6);
  expect([mean - half, mean + half].map((value) => value.toFixed(4))).toEqual(['-0.0039', '0.0719']);
  expect(standardError([1, 2, 3, 4])).toBeCloseTo(0.645497, 6);
  expect(pairedInterval([1], [0])).toEqual({ mean: 1, half: Number.NaN });
});

describe('a comparison', () => {
  const run = (plan: string, seed: number, val: number, test: number): RunResult => ({
    ...{ task: 'texts', model: 'encoder', plan, seed, val, test },
    ...{ epochs: 1, seconds: 1, processorSeconds: 1, threads: 1 },
  });
  const [one, two, three] = PLAN_SETS.grid;
  const [comparison] = compare([
    ...[run('default', 0, 0.5, 0.5), run('default', 1, 0.5, 0.6)],
    ...[run(one, 0, 0.9, 0.6), run(one, 1, 0.5, 0.7)],
    ...[run(two, 0, 0.6, 0.8), run(two, 1, 0.7, 0.8)],
    ...[run(three, 0, 1, 1)],
    ...[run('pytorch', 0, 1, 1), run('pytorch', 1, 1, 1)],
    ...[run('default', 2, 0.4, 0.4), run(one, 2, 0.4, 0.4), run(two, 2, 0.2, 0.6), run('pytorch', 2, 1, 1)],
  ]);

  test('chooses by validation, by test, and for each seed', () => {
    expect(comparison.byValidation?.plan).toBe(one);
    expect(comparison.byTest?.plan).toBe(two);
    expect(comparison.bySeed?.test).toEqual([0.6, 0.8, 0.4]);
  });

  test('leaves out plans without all seeds, and keeps those of other libraries apart', () => {
    expect(comparison.seeds).toEqual([0, 1, 2]);
    expect(comparison.plans).toBe(2);
    expect(comparison.others.map(({ plan }) => plan)).toEqual(['pytorch']);
  });
});
