import { Random } from '../../random.ts';

export type Interval = readonly [low: number, high: number];

/** The 0.975 quantile of the standard normal distribution. */
const Z = 1.959963984540054;

/**
 * 95% interval of a share of successes among `total` trials (Wilson, "Probable inference, the law of succession, and statistical
 * inference", 1927). Unlike share ± 2σ, it stays within 0 and 1, and holds for few trials.
 */
export function wilson(share: number, total: number): Interval {
  if (total === 0) return [0, 1];
  const z2 = Z * Z;
  const centre = (share + z2 / (2 * total)) / (1 + z2 / total);
  const half = (Z / (1 + z2 / total)) * Math.sqrt((share * (1 - share)) / total + z2 / (4 * total * total));
  return [Math.max(0, centre - half), Math.min(1, centre + half)];
}

/** Quantile of sorted values with linear interpolation (NumPy's default, and type 7 of Hyndman and Fan, "Sample quantiles", 1996). */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
}

export interface BootstrapOptions {
  readonly seed: number;
  readonly resamples?: number;
  readonly level?: number;
}

/**
 * Percentile bootstrap intervals (Efron and Tibshirani, "An introduction to the bootstrap", 1993, chapter 13): recomputes the statistics on
 * resamples drawn with replacement. The same seed gives the same intervals.
 *
 * @param statistics statistics of the samples at these indices, which can repeat
 * @returns one interval per statistic; default: 1000 resamples and 95%
 */
export function bootstrap<K extends string>(
  samples: number,
  statistics: (drawn: Uint32Array) => Readonly<Record<K, number>>,
  { seed, resamples = 1000, level = 0.95 }: BootstrapOptions,
): Record<K, Interval> {
  const random = new Random(seed, 'bootstrap');
  const drawn = new Uint32Array(samples);
  const found = new Map<string, Float64Array>();
  for (let i = 0; i < resamples; i++) {
    for (let k = 0; k < samples; k++) drawn[k] = random.below(samples);
    for (const [name, value] of Object.entries<number>(statistics(drawn))) {
      if (!found.has(name)) found.set(name, new Float64Array(resamples));
      found.get(name)![i] = value;
    }
  }
  const interval = (values: Float64Array): Interval => {
    values.sort();
    return [quantile(values, (1 - level) / 2), quantile(values, (1 + level) / 2)];
  };
  return Object.fromEntries([...found].map(([name, values]) => [name, interval(values)])) as Record<K, Interval>;
}
