/** Samples of none of the classes: "unknown". */

import { distances } from './detector.ts';
import type { LabelledFeatures } from './fit.ts';
import { fitDetector } from './fit.ts';
import { decodeDetector, encodeDetector, type UnknownNote } from './note.ts';
import { ascending, reportOf, type UnknownReport } from './report.ts';
import { LEAST_KNOWN, spreadOf, thresholdOf, USUAL_RATE } from './threshold.ts';

export type { LabelledFeatures } from './fit.ts';
export { readNote, type UnknownNote } from './note.ts';
export type { UnknownReport } from './report.ts';
export { USUAL_RATE } from './threshold.ts';

/** A note for `config.json`, and its measurements. */
export interface UnknownFit {
  readonly note: UnknownNote;
  readonly report: UnknownReport;
}

export interface UnknownData {
  readonly train: LabelledFeatures;
  /** Samples that the model was not trained on. */
  readonly val: LabelledFeatures;
  /** Features of samples of none of the classes, if the user has some. */
  readonly unknown?: Float32Array;
}

export interface UnknownOptions {
  readonly classes: number;
  readonly seed: number;
  /** The value that the samples' features come from. */
  readonly features: UnknownNote['features'];
  readonly rate?: number;
}

/** Most distances of a note. */
const MOST_KNOWN = 1000;

/**
 * Fits the detector on training samples, and its threshold on validation samples: those of the training look too familiar.
 *
 * @returns null if there are too few samples for it
 */
export function fitUnknown({ train, val, unknown }: UnknownData, options: UnknownOptions): UnknownFit | null {
  const { features, rate = USUAL_RATE } = options;
  if (val.labels.length < LEAST_KNOWN) return null;
  const fitted = fitDetector(train, options);
  if (!fitted) return null;
  const note: UnknownNote = {
    method: 'mahalanobis',
    features,
    detector: encodeDetector(fitted),
    rate,
    known: [0, 0, 0],
  };
  // With the numbers as they are stored.
  const detector = decodeDetector(note);
  const rows = rowsOf(val.features, features.size).map((row) => distances(row, detector));
  const known = rows.map(least);
  const measured = unknown
    ? {
        unknown: rowsOf(unknown, features.size).map((row) => least(distances(row, detector))),
        from: 'examples' as const,
      }
    : { unknown: rows.map((row, i) => least(row.filter((_, c) => c !== val.labels[i]))), from: 'left-out' as const };
  return {
    note: { ...note, known: evenly(ascending(known)).map(rounded) },
    report: reportOf({ known, ...measured }, rate),
  };
}

/** The distance of a sample, by its features. */
export function openUnknown(note: UnknownNote): (features: ArrayLike<number>) => number {
  const detector = decodeDetector(note);
  return (features) => least(distances(features, detector));
}

/** Whether a sample belongs to none of the classes. */
export interface UnknownAnswer {
  readonly unknown: boolean;
  /** From 0 to 1: how unlike all classes the sample is. Above 0.5 it is unknown. */
  readonly unknownScore: number;
}

/**
 * The score is ½ + ½·x / (1 + |x|): x is by how many standard deviations of the known distances (their logarithms) a sample is beyond the
 * threshold.
 *
 * @param rate share of samples of the classes that may be called unknown; that of the note unless given
 */
export function answerOf({ known, rate: usual }: UnknownNote, rate = usual): (distance: number) => UnknownAnswer {
  const threshold = thresholdOf(known, rate);
  const spread = spreadOf(known);
  return (distance) => {
    const beyond = Math.log(distance / threshold) / spread;
    return { unknown: distance > threshold, unknownScore: (1 + beyond / (1 + Math.abs(beyond))) / 2 };
  };
}

/** The report of a note's distances with other samples. */
export function measureUnknown(
  { known: kept, rate: usual }: UnknownNote,
  measured: { readonly known: readonly number[]; readonly unknown: readonly number[] },
  rate = usual,
): UnknownReport {
  return reportOf({ ...measured, from: 'examples' }, rate, thresholdOf(kept, rate));
}

/** Six digits, and never less than the distance: a sample must not be beyond itself. */
const rounded = (distance: number): number => Number((distance * (1 + 1e-5)).toPrecision(6));

const least = (values: ArrayLike<number>): number => {
  let smallest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < values.length; i++) if (values[i] < smallest) smallest = values[i];
  return smallest;
};

const rowsOf = (features: Float32Array, size: number): Float32Array[] =>
  Array.from({ length: features.length / size }, (_, i) => features.subarray(i * size, (i + 1) * size));

/** As many values at most, at equal steps, with the first and the last. */
function evenly(sorted: readonly number[]): readonly number[] {
  if (sorted.length <= MOST_KNOWN) return sorted;
  return Array.from({ length: MOST_KNOWN }, (_, i) => sorted[Math.round((i * (sorted.length - 1)) / (MOST_KNOWN - 1))]);
}
