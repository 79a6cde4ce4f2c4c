/** The data set to clean: its samples, its table, and the decisions on it. */
import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { type DataTable, type Decision, FINDING_KINDS, type FindingKind } from '../../../cleaning/index.ts';
import type { Dataset, Sample } from '../../../data/index.ts';
import { ThawError } from '../../../errors.ts';
import type { TaskName } from '../../../tasks/index.ts';
import { shownPath } from '../paths.ts';

/** A sample with its split and its label as text. */
export interface PlacedSample extends Sample {
  /** Undefined if the data set has no splits. */
  readonly split?: 'train' | 'val' | 'test';
  readonly answer: string;
}

export function placedSamples(dataset: Dataset): PlacedSample[] {
  const hasSplits = dataset.val.length + dataset.test.length > 0;
  return (['train', 'val', 'test'] as const).flatMap((split) =>
    dataset[split].map((sample) => ({
      ...sample,
      split: hasSplits ? split : undefined,
      answer: answersOf(sample, dataset.classes).join(', '),
    })),
  );
}

const answersOf = ({ label, targets }: Sample, classes: readonly string[]): string[] =>
  label >= 0 ? [classes[label]] : (targets ?? []).map(String);

/** The data set as a table for `thaw train`, with absolute paths, so that it works from any folder. */
export function tableOf(samples: readonly PlacedSample[], classes: readonly string[], task: TaskName): DataTable {
  const isText = samples[0]?.text !== undefined;
  const hasSplits = samples[0]?.split !== undefined;
  const isClass = samples.every(({ label }) => label >= 0);
  const names = isClass ? ['label'] : task === 'multi-label' ? ['labels'] : classes;
  const answers = ({ targets = [], ...sample }: PlacedSample) =>
    task === 'multi-label'
      ? [classes.filter((_, c) => targets[c] > 0).join('|')]
      : answersOf({ targets, ...sample }, classes);
  return {
    columns: [isText ? 'text' : 'file_name', ...names, ...(hasSplits ? ['split'] : [])],
    rows: samples.map((sample) => [
      sample.text ?? sample.file,
      ...answers(sample),
      ...(sample.split === undefined ? [] : [sample.split]),
    ]),
    files: samples.map(({ file }) => shownPath(file)),
    ...(isClass && { labelColumn: 1 }),
  };
}

/** @throws ThawError `bad-config` for an unknown kind */
export function readKinds(names: readonly string[]): FindingKind[] {
  const unknown = names.find((name) => name !== 'all' && !(FINDING_KINDS as readonly string[]).includes(name));
  if (unknown !== undefined)
    throw new ThawError('bad-config', `unknown kind "${unknown}"`, `Choose from: all, ${FINDING_KINDS.join(', ')}`);
  return names.includes('all') ? [...FINDING_KINDS] : (names as FindingKind[]);
}

const decisionsSchema = z.object({
  decisions: z.array(
    z.object({
      kind: z.string(),
      file: z.string(),
      decision: z.enum(['accept', 'reject']),
      label: z.string().nullable(),
    }),
  ),
});

/**
 * Reads the decisions that the page saved.
 *
 * @throws ThawError `not-found`, or `bad-data` for another file, or for decisions on other data
 */
export async function readDecisions(
  path: string,
  { files }: DataTable,
  classes: readonly string[],
): Promise<Decision[]> {
  const text = await readFile(path, 'utf8').catch(() => {
    throw new ThawError('not-found', `${path} does not exist`, 'Save the decisions from the page first');
  });
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    // Reported below.
  }
  const read = decisionsSchema.safeParse(document);
  if (!read.success)
    throw new ThawError('bad-data', `${path} has no decisions`, 'Save the decisions from the page as JSON');
  const known = new Set(files);
  const { decisions } = read.data;
  const other = decisions.find(({ file }) => !known.has(file));
  if (other)
    throw new ThawError(
      'bad-data',
      `${path}: the data has no ${other.file}`,
      'Run from the same folder, with the same data',
    );
  const strange = decisions.find(({ label }) => label !== null && !classes.includes(label));
  if (strange)
    throw new ThawError('bad-data', `${path}: the data has no class "${strange.label}"`, 'Use the classes of the data');
  return decisions;
}
