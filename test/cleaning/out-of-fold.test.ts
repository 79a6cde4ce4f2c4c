import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  findLabelIssues,
  fitDiscriminant,
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

test('the discriminant analysis has the probabilities of normal classes with one covariance', () => {
  const random = new Random(5, 'normal');
  const [samples, classes, shrinkage] = [60, 3, 0.2];
  const labels = Array.from({ length: samples }, (_, i) => (i % 7 < 3 ? 0 : 1 + (i % 2)));
  const points = labels.map((label) => [3 * label + random.normal(), random.normal() - label]);
  const counts = [0, 1, 2].map((c) => labels.filter((label) => label === c).length);
  const means = [0, 1, 2].map((c) =>
    [0, 1].map((f) => points.reduce((sum, point, i) => sum + (labels[i] === c ? point[f] : 0), 0) / counts[c]),
  );
  const [[a, b], [, d]] = [0, 1].map((f) =>
    [0, 1].map((g) => {
      const products = points.map((point, i) => (point[f] - means[labels[i]][f]) * (point[g] - means[labels[i]][g]));
      return products.reduce((sum, value) => sum + value, 0) / samples + (f === g ? shrinkage : 0);
    }),
  );
  const features = Float32Array.from(points.flat());
  const data = { features, size: 2, classes };
  const weights = fitDiscriminant({ ...data, labels }, shrinkage);
  for (const [i, point] of points.entries()) {
    const densities = means.map((mean, c) => {
      const [x, y] = [point[0] - mean[0], point[1] - mean[1]];
      return counts[c] * Math.exp(-(d * x * x - 2 * b * x * y + a * y * y) / (2 * (a * d - b * b)));
    });
    const sum = densities.reduce((all, density) => all + density, 0);
    const found = [...probabilitiesOf(data, i, weights, new Float64Array(classes))];
    for (const [c, density] of densities.entries()) expect(found[c]).toBeCloseTo(density / sum, 5);
  }
});

test('swapped labels are also first if the data is too large for a regression', async () => {
  const data = clusters();
  const notes: string[] = [];
  const onNote = (message: string) => notes.push(message);
  const probabilities = await outOfFoldProbabilities(data, { mostFitted: 0, onNote });
  expect(notes).toEqual([expect.stringContaining('discriminant analysis')]);
  expect(probabilities).not.toEqual(await outOfFoldProbabilities(data));
  const { ranking } = findLabelIssues({ ...data, probabilities });
  expect(ranking.slice(0, data.swapped.length).sort()).toEqual([...data.swapped].sort());
});

test('a class without samples in the other folds has no probability', async () => {
  const data = clusters();
  const labels = data.labels.map((label, i) => (i === 0 ? 4 : label));
  const probabilities = await outOfFoldProbabilities({ ...data, labels, classes: 5 }, { mostFitted: 0 });
  expect(probabilities[4]).toBe(0);
  expect(probabilities.every((p) => p >= 0 && p <= 1)).toBe(true);
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
