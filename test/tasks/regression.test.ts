import { describe, expect, it } from 'vitest';
import { regression, TASKS } from '../../src/tasks/index.ts';

const options = { embeddingSize: 2, threshold: 0.5 } as const;
const train = [
  [10, 0.1],
  [20, 0.3],
  [60, 0.2],
].map((targets, i) => ({ file: `${i}.png`, label: -1, targets }));

const facts = TASKS.regression.learn({ classes: ['weight', 'share'], train }, options);
const task = regression(facts);
const batch = {
  labels: new BigInt64Array(3).fill(-1n),
  targets: Float32Array.from(train.flatMap(({ targets }) => targets)),
  indices: [0, 1, 2],
};

describe('numbers', () => {
  it('are trained with mean 0 and std 1', () => {
    const { data, shape } = task.labels(batch, { type: 'float32', shape: ['batch', 2] });
    expect(shape).toEqual([3, 2]);
    for (const c of [0, 1]) {
      const column = [0, 1, 2].map((row) => (data as Float32Array)[row * 2 + c]);
      expect(column.reduce((a, b) => a + b) / 3).toBeCloseTo(0, 6);
      expect(Math.sqrt(column.reduce((a, b) => a + b * b, 0) / 3)).toBeCloseTo(1, 6);
    }
  });

  it('are reported in the user’s units, from training and from the model', () => {
    const labels = task.labels(batch, { type: 'float32', shape: ['batch', 2] }).data as Float32Array;
    const trained = task.outcomes(labels, batch, 'training');
    const shipped = task.outcomes(batch.targets, batch, 'model');
    for (const [i, outcome] of trained.entries()) {
      expect(outcome.values[0]).toBeCloseTo(train[i].targets[0], 4);
      expect(outcome.values[1]).toBeCloseTo(train[i].targets[1], 6);
      expect(task.difference(outcome, shipped[i])).toBeLessThan(1e-6);
    }
    expect(task.evaluation(trained, 0)).toMatchObject({ r2: expect.closeTo(1, 9), mae: expect.closeTo(0, 5) });
    expect(task.prediction(shipped[1])).toEqual({ values: { weight: 20, share: expect.closeTo(0.3, 6) } });
  });

  it('are scored like in scikit-learn', () => {
    // mean_absolute_error, root_mean_squared_error, r2_score of scripts/reference/tasks.py
    const values = [12, 0.12, 19, 0.25, 50, 0.23];
    const outcomes = task.outcomes(values, batch, 'model');
    const { mae, rmse, r2, perTarget } = task.evaluation(outcomes, 0);
    expect(mae).toBeCloseTo(2.183333333333, 6);
    expect(rmse).toBeCloseTo(2.97583502197, 5);
    expect(r2).toBeCloseTo(0.8675, 6);
    expect(perTarget.map((own) => own.r2)).toEqual([expect.closeTo(0.925, 6), expect.closeTo(0.81, 6)]);
  });

  it('give the same scores if counted batch by batch', () => {
    const outcomes = task.outcomes([12, 0.12, 19, 0.25, 50, 0.23], batch, 'model');
    const sums: Record<string, number> = {};
    for (const outcome of outcomes)
      for (const [key, value] of Object.entries(task.tally(outcome))) sums[key] = (sums[key] ?? 0) + value;
    const { mae, r2 } = task.evaluation(outcomes, 0);
    expect(task.rates(sums, 3)).toEqual({ mae: expect.closeTo(mae, 9), r2: expect.closeTo(r2, 9) });
  });

  it('are compared by the error for one number, by explained variance for several', () => {
    expect(task.metric).toMatchObject({ key: 'r2', better: 'higher' });
    const one = regression({ task: 'regression', classes: ['weight'], mean: [30], std: [20] });
    expect(one.metric).toMatchObject({ key: 'mae', better: 'lower', form: 'number' });
  });

  it('that are all the same are refused', () => {
    const same = train.map((sample) => ({ ...sample, targets: [sample.targets[0], 7] }));
    expect(() => TASKS.regression.learn({ classes: ['weight', 'share'], train: same }, options)).toThrow(
      '"share" is 7 in every training image',
    );
  });
});
