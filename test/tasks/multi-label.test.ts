import { describe, expect, it } from 'vitest';
import { metricOf, multiLabel } from '../../src/tasks/index.ts';

const facts = (thresholds: number[], tuned = false) => ({
  task: 'multi-label' as const,
  classes: ['a', 'b', 'c'],
  thresholds,
  tuned,
});
const HALVES = [0.5, 0.5, 0.5];

/** Six samples: labels and logits. */
const targets = [
  [1, 0, 1],
  [0, 1, 0],
  [1, 1, 0],
  [0, 0, 0],
  [1, 0, 0],
  [0, 1, 0],
];
const scores = [
  [2, -1, -0.5],
  [-0.2, 0.3, -2],
  [1, -0.4, 0.1],
  [0.4, -3, -1],
  [-1, 0.2, -0.7],
  [-2, 1.5, -0.6],
];
const batch = {
  labels: new BigInt64Array(6).fill(-1n),
  targets: Float32Array.from(targets.flat()),
  indices: [0, 1, 2, 3, 4, 5],
};
const outcomes = multiLabel(facts(HALVES)).outcomes(scores.flat(), batch, 'training');

describe('several labels per sample', () => {
  it('are scored like in scikit-learn', () => {
    // average_precision_score(average='macro'), f1_score(average='micro' and 'macro'), accuracy_score of scripts/reference/tasks.py
    const task = multiLabel(facts(HALVES));
    const evaluation = task.evaluation(outcomes, 0.5);
    expect(evaluation.map).toBeCloseTo(0.761111111111, 10);
    expect(evaluation.f1).toBeCloseTo(0.571428571429, 10);
    expect(evaluation.macroF1).toBeCloseTo(0.444444444444, 10);
    expect(evaluation.subsetAccuracy).toBeCloseTo(0.333333333333, 10);
    expect(metricOf(task.metric, evaluation)).toBe(evaluation.map);
    expect(task.loss(outcomes)).toBeCloseTo(0.512202, 5);
  });

  it('give the same F1 if counted batch by batch', () => {
    const task = multiLabel(facts(HALVES));
    const sums: Record<string, number> = {};
    for (const outcome of outcomes)
      for (const [key, value] of Object.entries(task.tally(outcome))) sums[key] = (sums[key] ?? 0) + value;
    expect(task.rates(sums, outcomes.length).f1).toBeCloseTo(task.evaluation(outcomes, 0).f1, 12);
  });

  it('use the best possible thresholds', () => {
    const tuned = multiLabel(facts(HALVES, true)).settled(outcomes);
    const reached = tuned.evaluation(outcomes, 0).perLabel;
    const grid = Array.from({ length: 99 }, (_, i) => (i + 1) / 100);
    for (const [c, { f1, threshold }] of reached.entries()) {
      expect(threshold).toBeGreaterThan(0);
      expect(threshold).toBeLessThan(1);
      const others = grid.map((t) => multiLabel(facts([t, t, t])).evaluation(outcomes, 0).perLabel[c].f1);
      expect(f1).toBeCloseTo(Math.max(...others), 12);
    }
    expect(multiLabel(facts([0.2, 0.3, 0.4])).settled(outcomes).facts).toEqual(facts([0.2, 0.3, 0.4]));
  });

  it('have no average precision if no sample has the label, and are predicted by name', () => {
    const none = outcomes.map((outcome) => ({ ...outcome, targets: [outcome.targets[0], outcome.targets[1], 0] }));
    const task = multiLabel(facts(HALVES, true));
    expect(task.evaluation(none, 0).perLabel[2]).toMatchObject({ averagePrecision: null, support: 0, f1: 0 });
    expect(task.settled(none).facts).toMatchObject({ thresholds: [expect.any(Number), expect.any(Number), 0.5] });
    expect(task.prediction(outcomes[2])).toMatchObject({
      labels: ['a', 'c'],
      probabilities: { a: expect.closeTo(0.7311, 4) },
    });
    expect(task.words(outcomes[2])).toEqual(['a, c']);
    expect(task.words(outcomes[5])).toEqual(['b']);
    expect(task.config()).toMatchObject({ problem_type: 'multi_label_classification', id2label: { 0: 'a' } });
  });

  it('differ by their probabilities', () => {
    const task = multiLabel(facts(HALVES));
    expect(task.same(outcomes[2], outcomes[4])).toBe(false);
    expect(task.difference(outcomes[1], outcomes[1])).toBe(0);
    const broken = { ...outcomes[1], probabilities: Float32Array.of(Number.NaN, 0, 0) };
    expect(task.difference(outcomes[1], broken)).toBe(Number.POSITIVE_INFINITY);
  });
});
