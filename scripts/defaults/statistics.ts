import { mean, standardDeviation } from '../bench/statistics.ts';

/**
 * Quantiles 0.975 of Student's t distribution for 1, 2, … degrees of freedom
 * (NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2).
 */
const T = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131];

/** s/√n, with s the std of the sample. NaN for fewer than two values. */
export const standardError = (values: readonly number[]): number =>
  standardDeviation(values) / Math.sqrt(values.length);

export interface Interval {
  readonly mean: number;
  /** Half of the width. NaN for fewer than two values. */
  readonly half: number;
}

/**
 * Mean and 95% confidence interval of the differences a − b of pairs: d̄ ± t(0.975, n − 1) · s/√n
 * (e-Handbook, 1.3.5.2, for the differences).
 */
export function pairedInterval(a: readonly number[], b: readonly number[]): Interval {
  const differences = a.map((value, i) => value - b[i]);
  const t = T[differences.length - 2] ?? Number.NaN;
  return { mean: mean(differences), half: t * standardError(differences) };
}
