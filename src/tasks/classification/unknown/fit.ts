import { cholesky, dot, type Matrix, mainDirections, row, solveLower, zeros } from '../../../matrices.ts';
import { type Basis, type DetectorParts, mapped, type Place, placeOf } from './detector.ts';

/** Features of samples with their classes. */
export interface LabelledFeatures {
  /** `[N, size]` in row order. */
  readonly features: Float32Array;
  readonly labels: readonly number[];
}

/** Bytes of a detector: about 280 kB in `config.json`, where they are base64. */
const BYTES = 210_000;
const MOST_DIMENSIONS = 128;

/** Dimensions of the subspace, within the bytes: each takes a byte for every feature, 2 for every class, and a row of the covariance. */
function dimensionsOf(size: number, classes: number): number {
  const linear = size + 2 * classes;
  const most = Math.floor((Math.sqrt(linear ** 2 + 8 * BYTES) - linear) / 4);
  return Math.max(1, Math.min(MOST_DIMENSIONS, most, size));
}

/** Samples in a subspace of the mapped features. */
export interface PlacedSamples {
  /** Number of features. */
  readonly size: number;
  readonly basis: Basis | undefined;
  readonly places: readonly Place[];
  readonly labels: readonly number[];
}

const mappedRows = ({ features, labels }: LabelledFeatures): Float64Array[] => {
  const size = features.length / labels.length;
  return labels.map((_, i) => mapped(features.subarray(i * size, (i + 1) * size)));
};

/** The samples in a subspace. */
export const placeSamples = (samples: LabelledFeatures, basis: Basis | undefined): PlacedSamples => ({
  size: samples.features.length / samples.labels.length,
  basis,
  places: mappedRows(samples).map((x) => placeOf(x, basis)),
  labels: samples.labels,
});

/**
 * Fits a detector: the mean of each class, and the covariance Σ within the classes. Outside of the subspace, Σ is the same in all directions.
 *
 * @param classes number of classes
 * @returns null if a class has no samples, or if there are no more samples than classes
 */
export function fitDetector({ size, basis, places, labels }: PlacedSamples, classes: number): DetectorParts | null {
  const counts = new Array<number>(classes).fill(0);
  for (const label of labels) counts[label]++;
  if (counts.includes(0) || labels.length <= classes) return null;
  const means = zeros(classes, basis?.scales.length ?? size);
  for (const [i, { inside }] of places.entries()) {
    const mean = row(means, labels[i]);
    for (let d = 0; d < mean.length; d++) mean[d] += inside[d] / counts[labels[i]];
  }
  const deviations = places.map(({ inside, outside }, i) => {
    const mean = row(means, labels[i]);
    return { inside: inside.map((value, d) => value - mean[d]), outside };
  });
  const { covariance, outside } = shrunkCovariance(deviations, size);
  const lower = cholesky(covariance);
  const white = zeros(classes, means.columns);
  for (let c = 0; c < classes; c++) row(white, c).set(solveLower(lower, row(means, c)));
  return { size, basis, lower, means: white, outside };
}

/**
 * The main directions of the samples in 8 bits; undefined if they are the whole space. These samples are nearer to the subspace than others.
 *
 * @param classes number of classes @param seed seed of the search
 */
export function basisOf(
  samples: LabelledFeatures,
  { classes, seed }: { readonly classes: number; readonly seed: number },
): Basis | undefined {
  const size = samples.features.length / samples.labels.length;
  const dimensions = dimensionsOf(size, classes);
  if (dimensions === size) return undefined;
  const matrix = zeros(samples.labels.length, size);
  for (const [i, x] of mappedRows(samples).entries()) row(matrix, i).set(x);
  const directions = mainDirections(matrix, dimensions, seed);
  const basis = { levels: new Int8Array(directions.data.length), scales: new Float32Array(directions.rows) };
  for (let i = 0; i < directions.rows; i++) {
    const values = row(directions, i);
    basis.scales[i] = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127;
    basis.levels.set(
      Int8Array.from(values, (value) => Math.round(value / basis.scales[i])),
      i * size,
    );
  }
  return basis;
}

/** Least part of the variance in each direction. */
const FLOOR = 1e-6;
/** Least variance of mapped features, whose length is 1, over all directions: the samples of each class can be equal. */
const LEAST_VARIANCE = 1e-4;

/**
 * The covariance (1 − ρ)·S + ρ·m·I of deviations from their means: S = mean d·dᵀ over the samples, m = tr S / F. With fewer samples than
 * features, S has no inverse; ρ is the share for which the expected error is smallest (Ledoit and Wolf, "A well-conditioned estimator for
 * large-dimensional covariance matrices", 2004): ρ = min(1, β/δ), with β = (mean ‖d‖⁴ − ‖S‖²)/N and δ = ‖S − m·I‖².
 *
 * @param features number of features F
 * @returns its part in the subspace, and the variance in each direction outside of it
 */
function shrunkCovariance(deviations: readonly Place[], features: number) {
  const samples = deviations.length;
  const k = deviations[0].inside.length;
  const covariance = zeros(k, k);
  let outside = 0;
  let fourth = 0;
  for (const { inside, outside: rest } of deviations) {
    for (let i = 0; i < k; i++)
      for (let j = 0; j <= i; j++) covariance.data[i * k + j] += (inside[i] * inside[j]) / samples;
    outside += rest / samples;
    fourth += (dot(inside, inside) + rest) ** 2 / samples;
  }
  for (let i = 0; i < k; i++) for (let j = 0; j < i; j++) covariance.data[j * k + i] = covariance.data[i * k + j];
  const trace = traceOf(covariance) + outside;
  const mean = trace / features;
  const others = features - k;
  const square = dot(covariance.data, covariance.data) + (others ? outside ** 2 / others : 0);
  const delta = square - features * mean ** 2;
  const shrinkage = delta > 0 ? Math.min(1, Math.max(0, (fourth - square) / samples / delta)) : 1;
  const share = Math.max(shrinkage * mean, FLOOR * mean, LEAST_VARIANCE / features);
  for (let i = 0; i < k * k; i++) covariance.data[i] *= 1 - shrinkage;
  for (let i = 0; i < k; i++) covariance.data[i * k + i] += share;
  return { covariance, outside: share + (others ? ((1 - shrinkage) * outside) / others : 0) };
}

function traceOf({ rows, data }: Matrix): number {
  let sum = 0;
  for (let i = 0; i < rows; i++) sum += data[i * rows + i];
  return sum;
}
