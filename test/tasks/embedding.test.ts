import { describe, expect, it } from 'vitest';
import { Random } from '../../src/random.ts';
import { embedding } from '../../src/tasks/index.ts';

const task = embedding({ task: 'embedding', classes: ['a', 'b', 'c'], size: 2 });
const at = (degrees: number) => [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];

/** Angles on a circle: a at 0, 10 and 100; b at 90 and 115; c, alone, at 200. */
const labels = BigInt64Array.from([0n, 0n, 0n, 1n, 1n, 2n]);
const batch = { labels, indices: [0, 1, 2, 3, 4, 5] };
const outcomes = task.outcomes([0, 10, 100, 90, 115, 200].flatMap(at), batch, 'training');

describe('embeddings', () => {
  it('are scored by the nearest sample, for classes with several samples', () => {
    // a0 → a10 correct, a10 → a0 correct, a100 → b90 wrong, b90 → a100 wrong, b115 → a100 wrong; c has no other sample
    const { recall1 } = task.evaluation(outcomes, 1);
    expect(recall1).toBeCloseTo(2 / 5, 12);
    const assessment = task.assess(outcomes, 1, 0);
    expect(assessment.recall1).toBe(recall1);
    // Among the two nearest: a100 has b90, b115; b90 has a100, b115; b115 has a100, b90.
    expect(assessment.recallAt).toEqual([
      { k: 1, recall: expect.closeTo(2 / 5, 12) },
      { k: 2, recall: expect.closeTo(4 / 5, 12) },
      { k: 4, recall: 1 },
    ]);
    // R = 2 for a: a0 and a10 have (a, then b90) → ½·1; a100 has (b, b) → 0. R = 1 for b: 0.
    expect(assessment.mapAtR).toBeCloseTo((0.5 + 0.5 + 0 + 0 + 0) / 5, 12);
    expect(assessment.perClass.map(({ label, support }) => [label, support])).toEqual([
      ['a', 3],
      ['b', 2],
      ['c', 1],
    ]);
  });

  it('work with one sample, or none', () => {
    for (const few of [[], outcomes.slice(0, 1)]) {
      expect(task.assess(few, 1, 0)).toMatchObject({ recall1: 0, recallAt: [], mapAtR: 0 });
    }
  });

  it('come in batches of several classes with several samples each, each sample once per epoch', () => {
    const random = new Random(3);
    const of = Array.from({ length: 203 }, () => random.below(7));
    const order = task.order!(of, { batch: 16, perClass: 4, seed: 1 });
    const first = order(0);
    expect([...first].sort((a, b) => a - b)).toEqual([...of.keys()]);
    expect(order(0)).toEqual(first);
    expect(order(1)).not.toEqual(first);
    const whole = Math.floor((of.length - 7 * 3) / 16);
    for (let i = 0; i < whole; i++) {
      const counts = new Map<number, number>();
      for (const position of first.slice(16 * i, 16 * (i + 1)))
        counts.set(of[position], (counts.get(of[position]) ?? 0) + 1);
      expect([...counts.values()]).toEqual([4, 4, 4, 4]);
    }
  });
});
