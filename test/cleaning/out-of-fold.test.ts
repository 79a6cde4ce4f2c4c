import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  findLabelIssues,
  fitLogisticRegression,
  foldsOf,
  outOfFoldProbabilities,
  probabilitiesOf,
} from '../../src/cleaning/index.ts';
import { Random } from '../../src/random.ts';

test('the regression has the probabilities of scikit-learn', () => {
  const { logistic } = JSON.parse(readFileSync('test/fixtures/confident-learning.json', 'utf8'));
  const { size, labels, classes, penalty } = logistic;
  const data = { features: Float32Array.from(logistic.features), size, labels, classes };
  const weights = fitLogisticRegression(data, { penalty, tolerance: 1e-9 });
  const found = (labels as number[]).flatMap((_, i) => [
    ...probabilitiesOf(data, i, weights, new Float64Array(classes)),
  ]);
  const differences = found.map((value, i) => Math.abs(value - logistic.probabilities[i]));
  expect(Math.max(...differences)).toBeLessThan(1e-6);
});

/** Clusters in eight dimensions, one for each class. Some labels are wrong. */
function clusters({ samples = 200, classes = 4, wrong = 10, size = 8 } = {}) {
  const random = new Random(3, 'clusters');
  const truth = Array.from({ length: samples }, (_, i) => i % classes);
  const features = Float32Array.from({ length: samples * size }, (_, at) => {
    const [i, f] = [Math.floor(at / size), at % size];
    return 100 + random.normal() + (f % classes === truth[i] ? 4 : 0);
  });
  const swapped = random.shuffle([...truth.keys()]).slice(0, wrong);
  const labels = truth.map((label, i) => (swapped.includes(i) ? (label + 1) % classes : label));
  return { features, size, labels, classes, swapped, truth };
}

test('swapped labels are first in the ranking', async () => {
  const data = clusters();
  const probabilities = await outOfFoldProbabilities(data);
  const { ranking, issues, predicted } = findLabelIssues({ ...data, probabilities });
  expect(ranking.slice(0, data.swapped.length).sort()).toEqual([...data.swapped].sort());
  expect(issues).toEqual(expect.arrayContaining(data.swapped));
  expect(issues.length).toBeLessThan(data.swapped.length + 3);
  expect(data.swapped.map((i) => predicted[i])).toEqual(data.swapped.map((i) => data.truth[i]));
});

test('the same seed gives the same probabilities, and another gives others', async () => {
  const data = clusters();
  const first = await outOfFoldProbabilities(data, { seed: 1 });
  expect(await outOfFoldProbabilities(data, { seed: 1 })).toEqual(first);
  expect(await outOfFoldProbabilities(data, { seed: 2 })).not.toEqual(first);
});

test('a duplicate in the same fold does not vouch for a wrong label', async () => {
  const { features, size, labels, classes } = clusters({ wrong: 0 });
  // Twenty copies of the first sample, all with the same wrong label.
  const copies = 20;
  const more = new Float32Array(features.length + copies * size);
  more.set(features);
  for (let i = 0; i < copies; i++) more.set(features.subarray(0, size), features.length + i * size);
  const data = { features: more, size, classes, labels: [...labels, ...new Array(copies).fill(2)] };
  const groups = data.labels.map((_, i) => (i < labels.length ? i : 0));
  const confidence = async (given?: number[]) => {
    const probabilities = await outOfFoldProbabilities(data, { groups: given });
    return findLabelIssues({ ...data, probabilities }).selfConfidence[labels.length];
  };
  expect(await confidence(groups)).toBeLessThan(0.1);
  expect(await confidence()).toBeGreaterThan(0.3);
});

test('folds spread every class evenly, and keep groups together', () => {
  const labels = Array.from({ length: 103 }, (_, i) => i % 3);
  const groups = labels.map((_, i) => (i < 20 ? i % 5 : i));
  const fold = foldsOf({ labels, folds: 5, seed: 0, groups });
  for (const label of [0, 1, 2]) {
    const counts = [0, 1, 2, 3, 4].map((f) => labels.filter((own, i) => own === label && fold[i] === f).length);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
  }
  for (let group = 0; group < 5; group++) expect(new Set(fold.filter((_, i) => groups[i] === group)).size).toBe(1);
});

test('errors name what is wrong', async () => {
  const data = clusters();
  await expect(outOfFoldProbabilities(data, { folds: 1 })).rejects.toThrow('folds is 1');
  const features = data.features.map((value, i) => (i === 9 ? Number.NaN : value));
  await expect(outOfFoldProbabilities({ ...data, features })).rejects.toThrow('not finite');
  await expect(outOfFoldProbabilities(data, { signal: AbortSignal.abort(new Error('stopped')) })).rejects.toThrow(
    'stopped',
  );
});
