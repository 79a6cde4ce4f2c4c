// Compares all numbers with scikit-learn's: scripts/reference/metrics.py.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Random } from '../../../src/random.ts';
import {
  areaUnderRoc,
  averagePrecision,
  bootstrap,
  brier,
  calibration,
  confusedPairs,
  confusionMatrix,
  countsOf,
  crossFitted,
  fitTemperature,
  labelScores,
  logLoss,
  meanDefined,
  type Outcome,
  precisionRecallCurve,
  quantile,
  ranking,
  rankOf,
  rocCurve,
  samplesToFit,
  scoresByClass,
  tempered,
  topK,
  wilson,
} from '../../../src/tasks/metrics/index.ts';

interface Reference {
  readonly perClass: readonly Readonly<Record<'precision' | 'recall' | 'f1' | 'support', number>>[];
  readonly confusion: readonly (readonly number[])[];
  readonly topK: readonly number[];
  readonly rocAuc: readonly (number | null)[];
  readonly averagePrecision: readonly (number | null)[];
  readonly roc: readonly ([number[], number[]] | null)[];
  readonly precisionRecall: readonly ([number[], number[]] | null)[];
  readonly logLoss: number;
  readonly brier: number;
  readonly calibration: Readonly<Record<'error' | 'worst', number>> &
    Readonly<Record<'counts' | 'accuracy' | 'confidence', readonly number[]>>;
  readonly temperature: number | null;
}

const fixture = JSON.parse(readFileSync('test/fixtures/metrics.json', 'utf8')) as {
  wilson: [hits: number, total: number, low: number, high: number][];
  quantiles: { values: number[]; shares: number[]; quantiles: number[] };
  cases: { name: string; labels: number[]; probabilities: number[][]; scores: Reference }[];
};

const outcome = (label: number, probabilities: readonly number[]): Outcome => {
  const values = Float32Array.from(probabilities);
  return { label, predicted: values.indexOf(Math.max(...values)), probabilities: values };
};

/** Equal to ten digits, recursively. */
function expectClose(got: unknown, wanted: unknown, where = ''): void {
  if (typeof wanted === 'number') expect(got, where).toBeCloseTo(wanted, 10);
  else if (wanted === null) expect(got, where).toBeNull();
  else {
    expect(Object.keys(got as object).length, where).toBe(Object.keys(wanted as object).length);
    for (const [key, value] of Object.entries(wanted as object))
      expectClose((got as Record<string, unknown>)[key], value, `${where}.${key}`);
  }
}

describe.each(fixture.cases)('$name', ({ labels, probabilities, scores }) => {
  const outcomes = labels.map((label, i) => outcome(label, probabilities[i]));
  const classes = probabilities[0].length;
  const ranked = Array.from({ length: classes }, (_, c) => ranking(outcomes, c));

  it('scores predicted classes', () => {
    const confusion = confusionMatrix(outcomes, classes);
    expect(confusion).toEqual(scores.confusion);
    expectClose(scoresByClass(countsOf(confusion)), scores.perClass);
    const ranks = outcomes.map(rankOf);
    const own = labelScores(countsOf(confusion));
    expectClose(own, Object.fromEntries(Object.keys(own).map((key) => [key, scores[key as keyof Reference]])));
    expectClose(
      scores.topK.map((_, k) => topK(ranks, k + 1)),
      scores.topK,
    );
    expect(topK(ranks, 1)).toBe(own.accuracy);
    expect(topK(ranks, classes)).toBe(1);
  });

  it('has the same curves and areas', () => {
    expectClose(ranked.map(areaUnderRoc), scores.rocAuc);
    expectClose(ranked.map(averagePrecision), scores.averagePrecision);
    const roc = ranked.map(rocCurve).map((curve) => curve && [curve.falsePositiveRate, curve.truePositiveRate]);
    expectClose(roc, scores.roc);
    const recall = ranked.map(precisionRecallCurve).map((curve) => curve && [curve.precision, curve.recall]);
    expectClose(recall, scores.precisionRecall);
  });

  it('scores probabilities', () => {
    expectClose(logLoss(outcomes), scores.logLoss);
    expectClose(brier(outcomes), scores.brier);
    const { error, worst, bins } = calibration(outcomes);
    const filled = bins.filter(({ count }) => count > 0);
    const list = (key: 'count' | 'accuracy' | 'confidence') => filled.map((bin) => bin[key]);
    const own = { error, worst, counts: list('count'), accuracy: list('accuracy'), confidence: list('confidence') };
    expectClose(own, scores.calibration);
  });

  it('finds the same temperature, with the minimum loss', () => {
    const found = fitTemperature(outcomes);
    if (found === null || scores.temperature === null) return expect(found).toBe(scores.temperature);
    expect(found / scores.temperature).toBeCloseTo(1, 6);
    const lossAt = (temperature: number) =>
      logLoss(
        outcomes.map(({ label, probabilities }) => ({ label, probabilities: tempered(probabilities, temperature) })),
      );
    for (const other of [0.97 * found, 1.03 * found, 1]) expect(lossAt(other)).toBeGreaterThan(lossAt(found) - 1e-9);
    for (const { probabilities } of outcomes) {
      const cooled = tempered(probabilities, found);
      expect(cooled.indexOf(Math.max(...cooled))).toBe(probabilities.indexOf(Math.max(...probabilities)));
    }
  });
});

describe('ranking', () => {
  it('averages the classes with an area', () => {
    expect(meanDefined([0.5, null, 1])).toBe(0.75);
    expect(meanDefined([null])).toBeNull();
  });

  it('is undefined without samples', () => {
    expect(areaUnderRoc(ranking([], 0))).toBeNull();
    expect(rocCurve(ranking([], 0))).toBeNull();
    expect(precisionRecallCurve(ranking([], 0))).toBeNull();
    expect([logLoss([]), brier([]), calibration([]).error, topK([], 1)]).toEqual([0, 0, 0, 0]);
    expect(fitTemperature([])).toBeNull();
  });
});

describe('temperature', () => {
  /** Samples with a `confidence` for one of two classes, of which 3 in 4 are correct. */
  const overconfident = (samples: number, confidence: number) =>
    Array.from({ length: samples }, (_, i) => outcome(i % 4 === 0 ? 1 : 0, [confidence, 1 - confidence]));

  it('makes the confidence equal to the accuracy', () => {
    const outcomes = overconfident(400, 0.98);
    const temperature = fitTemperature(outcomes)!;
    // ln(0.98/0.02) / T = ln(0.75/0.25)
    expect(temperature).toBeCloseTo(Math.log(49) / Math.log(3), 5);
    expect(tempered(outcomes[0].probabilities, temperature)[0]).toBeCloseTo(0.75, 6);
  });

  it('fits many samples of many classes on evenly spaced ones', () => {
    const few = overconfident(400, 0.98);
    expect(samplesToFit(few)).toBe(few);
    const row = new Float32Array(2 ** 20);
    const many = Array.from({ length: 10 }, (_, label) => ({ label, probabilities: row }));
    expect(samplesToFit(many).map(({ label }) => label)).toEqual([0, 3, 6, 9]);
  });

  it('measures by cross-validation', () => {
    const outcomes = overconfident(400, 0.98);
    const crossed = crossFitted(outcomes, { seed: 3 });
    expect(calibration(outcomes).error).toBeCloseTo(0.23, 6);
    expect(calibration(crossed).error).toBeLessThan(0.03);
    expect(new Set(crossed.map(({ probabilities }) => probabilities[0])).size).toBeGreaterThan(1);
    expect(crossFitted(outcomes, { seed: 3 })).toEqual(crossed);
    expect(crossed.map(({ predicted }) => predicted)).toEqual(outcomes.map(({ predicted }) => predicted));
  });

  it('keeps probabilities of 0, and does not overflow', () => {
    expect(Array.from(tempered(Float32Array.of(1, 0, 0), 2))).toEqual([
      1,
      expect.closeTo(0, 15),
      expect.closeTo(0, 15),
    ]);
    expect(Array.from(tempered(Float32Array.of(0.5, 0.5), 0.001))).toEqual([0.5, 0.5]);
  });
});

describe('intervals', () => {
  it.each(fixture.wilson)('are Wilson intervals for %i of %i', (hits, total, low, high) => {
    expectClose(wilson(hits / total, total), [low, high]);
  });

  it('have NumPy’s quantiles', () => {
    const { values, shares, quantiles } = fixture.quantiles;
    const sorted = Float64Array.from(values).sort();
    expectClose(
      shares.map((share) => quantile(sorted, share)),
      quantiles,
    );
  });

  it('come from seeded resamples, and agree with the normal distribution for a mean', () => {
    const random = new Random(1);
    const values = Array.from({ length: 400 }, () => random.normal());
    const mean = values.reduce((a, b) => a + b) / 400;
    const std = Math.sqrt(values.reduce((all, v) => all + (v - mean) ** 2, 0) / 400);
    const of = (seed: number) =>
      bootstrap(400, (drawn) => ({ mean: drawn.reduce((all, i) => all + values[i], 0) / 400 }), { seed }).mean;
    const [low, high] = of(7);
    expect(low).toBeCloseTo(mean - (1.96 * std) / 20, 2);
    expect(high).toBeCloseTo(mean + (1.96 * std) / 20, 2);
    expect(of(7)).toEqual([low, high]);
    expect(of(8)).not.toEqual([low, high]);
  });
});
describe('confusedPairs', () => {
  it('lists the most frequent mistake first', () => {
    expect(
      confusedPairs([
        [9, 1, 0],
        [0, 5, 5],
        [1, 0, 4],
      ]),
    ).toEqual([
      { truth: 1, predicted: 2, times: 5, share: 0.5 },
      { truth: 2, predicted: 0, times: 1, share: 0.2 },
      { truth: 0, predicted: 1, times: 1, share: 0.1 },
    ]);
  });
});
