import { describe, expect, it } from 'vitest';
import { Random } from '../../src/random.ts';
import {
  assess,
  type ClassOutcome,
  classification,
  evaluatedSchema,
  evaluationOf,
  predictionsOf,
  softmax,
  temperatureFit,
  withoutZeros,
} from '../../src/tasks/index.ts';

/** A prediction with probability 1. */
const certain = (label: number, predicted: number, classes: number): ClassOutcome => ({
  index: 0,
  label,
  predicted,
  probabilities: Float32Array.from({ length: classes }, (_, c) => (c === predicted ? 0.9 : 0.1 / (classes - 1))),
});

describe('an evaluation in JSON', () => {
  it('has no zeros of the confusion matrix, and is read as before', () => {
    const classes = Array.from({ length: 300 }, (_, i) => `class ${i}`);
    const evaluation = evaluationOf([certain(0, 299, 300), certain(7, 7, 300)], classes, 0.5);
    const json = JSON.stringify(withoutZeros(evaluation));
    expect(json.length).toBeLessThan(JSON.stringify(evaluation).length / 4);
    const schema = evaluatedSchema(classification(classes));
    expect(schema.parse(JSON.parse(json))).toEqual(evaluation);
    expect(schema.parse(JSON.parse(JSON.stringify(evaluation)))).toEqual(evaluation);
  });
});

describe('intervals without a mistake', () => {
  /** Everything correct. */
  const perfect = (classes: number, each: number) =>
    Array.from({ length: classes * each }, (_, i) => certain(i % classes, i % classes, classes));
  const intervalsOf = (classes: number, each: number) =>
    assess(
      perfect(classes, each),
      Array.from({ length: classes }, (_, i) => `${i}`),
      0,
      0,
    ).intervals;

  it.each([
    [2, 2],
    [4, 10],
    [50, 1],
    [50, 4],
  ])('of %i classes with %i images end at 1 and have a width', (classes, each) => {
    const { accuracy, balancedAccuracy, f1, matthews } = intervalsOf(classes, each);
    for (const [low, high] of [accuracy, balancedAccuracy, f1, matthews]) {
      expect(high).toBe(1);
      expect(low).toBeLessThan(1 - 1e-3);
    }
    expect(balancedAccuracy).toEqual(accuracy);
    expect(matthews[0]).toBeCloseTo(1 - ((1 - accuracy[0]) * classes) / (classes - 1), 12);
  });

  it('are narrower with more images', () => {
    expect(intervalsOf(4, 100).f1[0]).toBeGreaterThan(intervalsOf(4, 10).f1[0]);
  });
});

it('the interval of the mean F1 contains it, although resamples lack classes', () => {
  const classes = Array.from({ length: 60 }, (_, i) => `${i}`);
  const outcomes = classes.map((_, label) => certain(label, label < 6 ? label + 1 : label, 60));
  const { f1, intervals } = assess(outcomes, classes, 0, 0);
  expect(intervals.f1[0]).toBeLessThan(f1);
  expect(intervals.f1[1]).toBeGreaterThan(f1);
});

describe('evaluation', () => {
  // truth a: 3 as a, 1 as b; truth b: 1 as a, 2 as b, 1 as c; truth c: 2 as c
  const predictions = [
    [0, 0],
    [0, 0],
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
    [1, 1],
    [1, 2],
    [2, 2],
    [2, 2],
  ].map(([label, predicted]) => certain(label, predicted, 3));

  it('counts confusions, and computes precision, recall and F1 of each class', () => {
    const { accuracy, f1, perClass, confusion, loss, top5 } = evaluationOf(predictions, ['a', 'b', 'c'], 0.5);
    expect(confusion).toEqual([
      [3, 1, 0],
      [1, 2, 1],
      [0, 0, 2],
    ]);
    expect(loss).toBe(0.5);
    expect(accuracy).toBeCloseTo(0.7, 12);
    expect(top5).toBe(1);
    const expected = [
      { label: 'a', precision: 3 / 4, recall: 3 / 4, f1: 3 / 4, support: 4 },
      { label: 'b', precision: 2 / 3, recall: 2 / 4, f1: 4 / 7, support: 4 },
      { label: 'c', precision: 2 / 3, recall: 1, f1: 4 / 5, support: 2 },
    ];
    for (const [c, row] of expected.entries()) {
      expect(perClass[c].label).toBe(row.label);
      expect(perClass[c].support).toBe(row.support);
      for (const key of ['precision', 'recall', 'f1'] as const)
        expect(perClass[c][key], `${row.label} ${key}`).toBeCloseTo(row[key], 12);
    }
    expect(f1).toBeCloseTo((3 / 4 + 4 / 7 + 4 / 5) / 3, 12);
  });

  it('gives 0, not NaN, for a class that is never predicted, absent, or both', () => {
    const { perClass, f1 } = evaluationOf(
      [certain(0, 0, 4), certain(1, 2, 4)],
      ['right', 'missed', 'imagined', 'absent'],
      1,
    );
    expect(perClass.map(({ precision, recall, f1: score, support }) => [precision, recall, score, support])).toEqual([
      [1, 1, 1, 1],
      [0, 0, 0, 1],
      [0, 0, 0, 0],
      [0, 0, 0, 0],
    ]);
    expect(f1).toBe(0.25);
  });

  it('is zero without samples', () => {
    const { accuracy, top5, f1, confusion } = evaluationOf([], ['a', 'b'], 0);
    expect([accuracy, top5, f1]).toEqual([0, 0, 0]);
    expect(confusion).toEqual([
      [0, 0],
      [0, 0],
    ]);
  });

  it('top 5: the true class is among the five most probable', () => {
    const of = (label: number): ClassOutcome => ({
      index: 0,
      label,
      predicted: 0,
      probabilities: Float32Array.of(0.3, 0.2, 0.15, 0.12, 0.1, 0.08, 0.05),
    });
    const classes = Array.from('abcdefg');
    expect(evaluationOf([4].map(of), classes, 0).top5).toBe(1);
    expect(evaluationOf([5].map(of), classes, 0).top5).toBe(0);
    expect(evaluationOf([0, 4, 5, 6].map(of), classes, 0).top5).toBe(0.5);
    const even = { ...of(5), probabilities: new Float32Array(7).fill(1 / 7) };
    expect(evaluationOf([even, { ...even, label: 4 }], classes, 0).top5).toBe(0.5);
  });
});

describe('predictions', () => {
  it('are the softmax of each row and its most probable class', () => {
    const [first, second] = predictionsOf([0, Math.log(3), 1, 1, 1, 2], [1n, 2n], [7, 3].slice(0, 2));
    expect(first).toMatchObject({ index: 7, label: 1, predicted: 1 });
    expect(Array.from(first.probabilities)).toEqual([1, 3, Math.E].map((v) => expect.closeTo(v / (4 + Math.E), 6)));
    expect(second).toMatchObject({ index: 3, label: 2, predicted: 2 });
  });

  it('ties go to the first class', () => {
    expect(predictionsOf([2, 2, 2], [2n], [0])[0].predicted).toBe(0);
  });

  it('huge logits do not overflow', () => {
    expect(Array.from(softmax(Float32Array.of(3e38, -3e38, 0)))).toEqual([1, 0, 0]);
  });
});

describe('assessment', () => {
  const random = new Random(3);
  const predictions = Array.from({ length: 60 }, (_, index) => {
    const label = index % 4 === 3 ? 0 : index % 3;
    const logits = Array.from({ length: 4 }, (_, c) => random.between(-1, 1) + (c === label ? 1 : 0));
    return predictionsOf(logits, [BigInt(label)], [index])[0];
  });
  const classes = ['a', 'b', 'c', 'absent'];
  const assessed = assess(predictions, classes, 0.5, 0);

  it('has all metrics of an evaluation, and more', () => {
    const { perClass, ...evaluation } = evaluationOf(predictions, classes, 0.5);
    expect(assessed).toMatchObject({ ...evaluation, macro: { f1: evaluation.f1 } });
    expect(assessed.perClass).toMatchObject(perClass);
    expect(assessed.topK.map(({ k }) => k)).toEqual([1, 2, 3]);
    expect(assessed.topK[0].accuracy).toBe(assessed.accuracy);
    expect(assessed.logLoss).toBeCloseTo(
      predictions.reduce((all, { probabilities, label }) => all - Math.log(probabilities[label]), 0) / 60,
      12,
    );
    expect(assessed.confused[0]).toMatchObject({ label: expect.any(String), times: expect.any(Number) });
  });

  it('skips a class without images in the areas', () => {
    const { rocAuc, averagePrecision } = assessed.perClass[3];
    expect([rocAuc, averagePrecision]).toEqual([null, null]);
    const areas = assessed.perClass.slice(0, 3).map((own) => own.rocAuc!);
    expect(assessed.rocAuc).toBeCloseTo((areas[0] + areas[1] + areas[2]) / 3, 12);
  });

  it('has intervals around the metrics, equal for equal seeds', () => {
    const { intervals, accuracy, balancedAccuracy, f1, matthews, logLoss } = assessed;
    const measured = { accuracy, balancedAccuracy, f1, matthews, logLoss };
    for (const [name, value] of Object.entries(measured)) {
      const [low, high] = intervals[name as keyof typeof measured];
      expect(low, name).toBeLessThan(value);
      expect(high, name).toBeGreaterThan(value);
      expect(high - low, name).toBeLessThan(0.5);
    }
    expect(assess(predictions, classes, 0.5, 0)).toEqual(assessed);
    expect(assess(predictions, classes, 0.5, 1).intervals.f1).not.toEqual(intervals.f1);
  });

  it('is plain data without gaps if there are no samples', () => {
    const empty = JSON.parse(JSON.stringify(assess([], ['a', 'b'], 0, 0)));
    expect(empty).toMatchObject({
      accuracy: 0,
      kappa: null,
      rocAuc: null,
      intervals: { accuracy: [0, 1], f1: [0, 0] },
    });
  });
});

describe('temperature', () => {
  /** 100 samples with one confidence, of which `right` are correct. */
  const saying = (confidence: number, right: number): ClassOutcome[] =>
    Array.from({ length: 100 }, (_, index) => ({
      ...{ index, label: index < right ? 0 : 1, predicted: 0 },
      probabilities: Float32Array.of(confidence, 1 - confidence),
    }));

  it('is kept if it calibrates the probabilities of other samples', () => {
    const fit = temperatureFit(saying(0.95, 75), { seed: 0 });
    expect(fit.temperature).toBe(fit.fitted);
    expect(fit.with.logLoss).toBeLessThan(fit.without.logLoss);
  });

  it('is not kept if they are calibrated without it', () => {
    const fit = temperatureFit(saying(0.8, 78), { seed: 0, others: saying(0.8, 80) });
    expect(fit.fitted).toBeGreaterThan(1);
    expect(fit.with.logLoss).toBeGreaterThan(fit.without.logLoss);
    expect(fit.temperature).toBeNull();
  });
});
