import { describe, expect, it } from 'vitest';
import { classification, type Metric, regression } from '../../src/tasks/index.ts';
import type { EpochRow } from '../../src/training/index.ts';
import { currentView } from '../../src/training/views.ts';

const { metric } = classification(['ant', 'bee']);
const far = [0.5, 0.6, 0.7, 0.7, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8];
const perfect = far.map(() => 1);

interface Course {
  readonly views?: Parameters<typeof currentView>[0]['views'];
  /** Validation metric after each epoch. */
  readonly val: readonly number[];
  readonly by?: Metric;
  readonly headAlone?: boolean;
  /** Whether an epoch is read before the one before it is validated. */
  readonly ahead?: boolean;
}

/** The views of all epochs of a training in stages of these lengths. */
function viewsOf(
  stages: readonly number[],
  { views = 'auto', val, by = metric, headAlone = stages.length === 1, ahead = true }: Course,
): number[] {
  const places = stages.flatMap((epochs, stage) =>
    Array.from({ length: epochs }, (_, stageEpoch) => ({ stage, stageEpoch })),
  );
  const rows = places.map(
    ({ stage }, i): EpochRow => ({
      ...{ epoch: i + 1, stage: stage + 1, trainable: 1, lr: 1, seconds: 1 },
      train: { loss: 1 },
      val: { loss: 1, [by.key]: val[i] },
    }),
  );
  return places.map((place, epoch) => {
    const validated = rows.slice(0, ahead && place.stageEpoch > 0 ? epoch - 1 : epoch);
    return currentView({ views }, by, { ...place, epoch, rows: validated }, headAlone);
  });
}

describe('views by themselves', () => {
  it('are three in a stage and three others in the next', () => {
    expect(viewsOf([3, 3, 4], { val: far })).toEqual([0, 1, 2, 3, 4, 5, 0, 1, 2, 0]);
    expect(viewsOf([6], { val: far })).toEqual([0, 1, 2, 0, 1, 2]);
  });

  it('are those so far once a head that trains alone makes few errors', () => {
    expect(viewsOf([6], { val: [0.9, 0.95, 0.9, 0.8, 0.9, 0.9] })).toEqual([0, 1, 0, 1, 0, 1]);
    expect(viewsOf([6], { val: [0.89, 0.9, 0.9, 0.9, 0.9, 0.9] })).toEqual([0, 1, 2, 0, 1, 2]);
  });

  it('are the same three in all stages after one with few errors', () => {
    expect(viewsOf([3, 3, 4], { val: perfect })).toEqual([0, 1, 2, 0, 1, 2, 0, 1, 2, 0]);
    const later = far.map((value, i) => (i === 3 ? 0.95 : value));
    expect(viewsOf([3, 3, 3, 1], { val: later })).toEqual([0, 1, 2, 3, 4, 5, 0, 1, 2, 0]);
  });

  it('are three if one stage trains more than the head', () => {
    expect(viewsOf([6], { val: perfect, headAlone: false })).toEqual([0, 1, 2, 0, 1, 2]);
  });

  it.each([0, 1, 2])('are the same after a stop between epochs, with few errors after epoch %i', (near) => {
    const val = far.map((value, i) => (i === near ? 0.95 : value));
    expect(viewsOf([9], { val, ahead: false })).toEqual(viewsOf([9], { val }));
    expect(viewsOf([2, 4, 3], { val, ahead: false })).toEqual(viewsOf([2, 4, 3], { val }));
  });

  it('do not depend on a metric without a best value', () => {
    const { metric: error } = regression({ task: 'regression', classes: ['weight'], mean: [0], std: [1] });
    expect(viewsOf([6], { val: [0, 0, 0, 0, 0, 0], by: error })).toEqual([0, 1, 2, 0, 1, 2]);
  });
});

it('a number of views does not depend on the errors', () => {
  expect(viewsOf([6], { views: 3, val: perfect })).toEqual([0, 1, 2, 0, 1, 2]);
  expect(viewsOf([3, 3], { views: 3, val: perfect })).toEqual([0, 1, 2, 3, 4, 5]);
  expect(viewsOf([3, 3], { views: 0, val: perfect })).toEqual([0, 1, 2, 3, 4, 5]);
});
