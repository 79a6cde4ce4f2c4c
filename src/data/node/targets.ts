/** Converts the entries of a data set to samples with labels or targets. */
import { byCodeUnits } from '../split.ts';
import type { LabelReading, Sample } from '../types.ts';
import type { Entry, Listing } from './listing.ts';

/** Names of the labels: classes and labels sorted by name, numeric columns in their order. */
export function targetNames({ entries, columns }: Listing, reading: LabelReading): readonly string[] {
  if (columns) return columns.map((name) => name.normalize('NFC'));
  const names =
    reading.kind === 'class' ? entries.map(({ label }) => label) : entries.flatMap(({ labels = [] }) => labels);
  return [...new Set(names)].sort(byCodeUnits);
}

/** Converts an entry to a sample. Samples with targets have the label -1. */
export function labelled(classes: readonly string[], reading: LabelReading): (entry: Entry) => Sample {
  const places = new Map(classes.map((name, i) => [name.normalize('NFC'), i]));
  if (reading.kind === 'class') return ({ file, label }) => ({ file, label: places.get(label)! });
  if (reading.kind === 'numbers') return ({ file, numbers }) => ({ file, label: -1, targets: numbers });
  return ({ file, labels = [] }) => {
    const targets = new Array<number>(classes.length).fill(0);
    for (const label of labels) targets[places.get(label)!] = 1;
    return { file, label: -1, targets };
  };
}
