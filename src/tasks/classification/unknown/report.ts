import { areaUnderRoc, type Interval, ranking, wilson } from '../../metrics/index.ts';
import { thresholdOf } from './threshold.ts';

/** How well a finished model recognises samples of none of its classes. Plain data. */
export interface UnknownReport {
  /** Share of samples of the classes that may be called unknown, which sets the threshold. */
  readonly rate: number;
  /** Samples of the classes that the threshold comes from, and the share of them that is beyond it, with its 95% interval. */
  readonly known: { readonly samples: number; readonly called: number; readonly interval: Interval };
  /** Measured on unknown samples; null if there are none. */
  readonly unknown: {
    /** `examples` of the user; `left-out`: samples of the classes, each compared with the other classes only. This is an estimate. */
    readonly from: 'examples' | 'left-out';
    readonly samples: number;
    /** Area under the ROC curve. */
    readonly auroc: number;
    /** Share of the unknown samples that pass as known if 95% of the known samples do. */
    readonly fpr95: number;
    /** Share of the unknown samples beyond the threshold, with its 95% interval. */
    readonly recognised: number;
    readonly interval: Interval;
  } | null;
}

export interface Distances {
  /** Of samples of the classes. */
  readonly known: readonly number[];
  /** Of unknown samples. */
  readonly unknown: readonly number[];
  readonly from: 'examples' | 'left-out';
}

/** @param threshold from which distance on a sample is unknown; that of the rate and the known distances unless given */
export function reportOf(
  { known, unknown, from }: Distances,
  rate: number,
  threshold = thresholdOf(ascending(known), rate),
): UnknownReport {
  const shareAbove = (distances: readonly number[], limit: number) =>
    distances.filter((distance) => distance > limit).length / distances.length;
  const called = shareAbove(known, threshold);
  const recognised = shareAbove(unknown, threshold);
  return {
    rate,
    known: { samples: known.length, called, interval: wilson(called, known.length) },
    unknown: unknown.length
      ? {
          from,
          samples: unknown.length,
          auroc: auroc(known, unknown),
          fpr95: 1 - shareAbove(unknown, ascending(known)[Math.ceil(0.95 * known.length) - 1]),
          recognised,
          interval: wilson(recognised, unknown.length),
        }
      : null,
  };
}

/** The probability that an unknown sample is further away than a known one. */
const auroc = (known: readonly number[], unknown: readonly number[]): number => {
  const outcomes = (distances: readonly number[], label: number) =>
    distances.map((distance) => ({ label, probabilities: Float32Array.of(0, distance) }));
  return areaUnderRoc(ranking([...outcomes(known, 0), ...outcomes(unknown, 1)], 1))!;
};

export const ascending = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);
