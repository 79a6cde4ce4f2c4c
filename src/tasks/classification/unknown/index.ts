/** Samples of none of the classes: "unknown". */

import { Random } from '../../../random.ts';
import { type DetectorParts, distances, distancesAt } from './detector.ts';
import type { LabelledFeatures } from './fit.ts';
import { basisOf, fitDetector, type PlacedSamples, placeSamples } from './fit.ts';
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

/** Features of all samples together for which a search for six subspaces takes a second or two. */
const SMALL = 250_000;

/** Parts of the validation samples for their distances. */
const FOLDS = 5;

/**
 * Fits the detector on training and validation samples. The threshold comes from validation samples alone, because those of the training look
 * too familiar. Their distances are those of detectors that were fitted without them, in five parts. Each part has its own subspace, or for
 * many features all have that of the training samples.
 *
 * @returns null if there are too few samples for it
 */
export function fitUnknown({ train, val, unknown }: UnknownData, options: UnknownOptions): UnknownFit | null {
  const { features, rate = USUAL_RATE } = options;
  if (val.labels.length < LEAST_KNOWN) return null;
  const all = joined(train, val);
  const hasTime = all.features.length <= SMALL || train.labels.length === 0;
  const common = hasTime ? undefined : placeSamples(all, basisOf(train, options));
  const fitted = fitDetector(common ?? placeSamples(all, basisOf(all, options)), options.classes);
  const place = (chosen: readonly number[]) => common ?? placeSamples(all, basisOf(subset(all, chosen), options));
  const rows = fitted && heldOutDistances(all.labels, train.labels.length, place, options);
  if (!rows) return null;
  const note: UnknownNote = {
    method: 'mahalanobis',
    features,
    detector: encodeDetector(fitted),
    rate,
    known: [0, 0, 0],
  };
  // The numbers as they are stored.
  const detector = decodeDetector(note);
  return withThreshold(note, rows, { detector, labels: val.labels, unknown });
}

const joined = (a: LabelledFeatures, b: LabelledFeatures): LabelledFeatures => {
  const features = new Float32Array(a.features.length + b.features.length);
  features.set(a.features);
  features.set(b.features, a.features.length);
  return { features, labels: [...a.labels, ...b.labels] };
};

/** Some of the samples. */
function subset({ features, labels }: LabelledFeatures, chosen: readonly number[]): LabelledFeatures {
  const size = features.length / labels.length;
  const rows = new Float32Array(chosen.length * size);
  for (const [place, i] of chosen.entries()) rows.set(features.subarray(i * size, (i + 1) * size), place * size);
  return { features: rows, labels: chosen.map((i) => labels[i]) };
}

/**
 * The distances of the samples after the first ones to each class, each by a detector without this sample.
 *
 * @param place all samples, in a subspace of the chosen ones
 * @returns null if a class has no other samples
 */
function heldOutDistances(
  labels: readonly number[],
  first: number,
  place: (chosen: readonly number[]) => PlacedSamples,
  { classes, seed }: UnknownOptions,
): readonly Float64Array[] | null {
  const count = labels.length - first;
  const fold = new Int32Array(labels.length).fill(-1);
  for (const [turn, i] of new Random(seed, 'unknown').shuffle([...Array(count).keys()]).entries())
    fold[first + i] = turn % FOLDS;
  const rows = new Array<Float64Array>(count);
  for (let part = 0; part < Math.min(FOLDS, count); part++) {
    const others = [...labels.keys()].filter((i) => fold[i] !== part);
    if (!others.length) return null;
    const placed = place(others);
    const { places } = placed;
    const own = { ...placed, places: others.map((i) => places[i]), labels: others.map((i) => labels[i]) };
    const detector = fitDetector(own, classes);
    if (!detector) return null;
    for (let i = first; i < labels.length; i++)
      if (fold[i] === part) rows[i - first] = distancesAt(places[i], detector);
  }
  return rows;
}

/** The distance of a sample, by its features. */
export function openUnknown(note: UnknownNote): (features: ArrayLike<number>) => number {
  const detector = decodeDetector(note);
  return (features) => least(distances(features, detector));
}

/** Least threshold, as a part of √F, the usual distance with F features. Equal samples have distances of 0 and the rounding of a note. */
const LEAST = 0.1;

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
export function answerOf(note: UnknownNote, rate = note.rate): (distance: number) => UnknownAnswer {
  const { known, features } = note;
  const threshold = Math.max(thresholdOf(known, rate), LEAST * Math.sqrt(features.size));
  const spread = spreadOf(known);
  const limit = Number.MAX_VALUE;
  return (distance) => {
    const beyond = Math.min(Math.max(Math.log(distance / threshold) / spread, -limit), limit);
    return { unknown: distance > threshold, unknownScore: (1 + beyond / (1 + Math.abs(beyond))) / 2 };
  };
}

/** The report of the answers for known and for unknown samples. @param rate that of the answers */
export const measureUnknown = (
  known: readonly UnknownAnswer[],
  unknown: readonly UnknownAnswer[],
  rate: number,
): UnknownReport => {
  const scores = (answers: readonly UnknownAnswer[]) => answers.map(({ unknownScore }) => unknownScore);
  return reportOf({ known: scores(known), unknown: scores(unknown), from: 'examples' }, rate, 0.5);
};

/**
 * The note with another rate or with a threshold from other samples, and its report.
 *
 * @param val samples of the classes; without them, the distances stay
 */
export function refitThreshold(
  note: UnknownNote,
  { val, unknown }: Partial<Omit<UnknownData, 'train'>>,
  rate = note.rate,
): UnknownFit | null {
  const detector = decodeDetector(note);
  const { size } = note.features;
  if (!val) {
    const others = unknown ? rowsOf(unknown, size).map((row) => least(distances(row, detector))) : [];
    return {
      note: { ...note, rate },
      report: reportOf({ known: note.known, unknown: others, from: 'examples' }, rate),
    };
  }
  if (val.labels.length < LEAST_KNOWN) return null;
  const rows = rowsOf(val.features, size).map((row) => distances(row, detector));
  return withThreshold({ ...note, rate }, rows, { detector, labels: val.labels, unknown });
}

/** @param rows distances of known samples to each class */
function withThreshold(
  note: UnknownNote,
  rows: readonly Float64Array[],
  { detector, labels, unknown }: { detector: DetectorParts; labels: readonly number[]; unknown?: Float32Array },
): UnknownFit {
  const known = rows.map(least);
  const measured = unknown?.length
    ? {
        unknown: rowsOf(unknown, note.features.size).map((row) => least(distances(row, detector))),
        from: 'examples' as const,
      }
    : { unknown: rows.map((row, i) => least(row.filter((_, c) => c !== labels[i]))), from: 'left-out' as const };
  return {
    note: { ...note, known: evenly(ascending(known)).map(rounded) },
    report: reportOf({ known, ...measured }, note.rate),
  };
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
