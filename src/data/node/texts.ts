/** Data sets of texts: tables, or one folder per class. */
import { readFile, stat } from 'node:fs/promises';
import { relative, sep } from 'node:path';
import { ThawError } from '../../errors.ts';
import { byCodeUnits, stratifiedSplit } from '../split.ts';
import { type DataProblem, type Dataset, type Sample, UNKNOWN } from '../types.ts';
import type { OpenDatasetOptions } from './dataset.ts';
import { type Listing, listDataset, listFiles } from './listing.ts';
import { cell, type NumberedRow, readRows } from './rows.ts';
import { type SplitName, splitNames } from './split-names.ts';

const HINT = 'Give a CSV or JSON lines file with text and label, or one folder of .txt files per class';
export const TABLE = /\.(csv|tsv|jsonl|ndjson)$/i;

interface TextEntry {
  /** A file, or a table with its line. */
  readonly file: string;
  readonly text: string;
  readonly label: string;
  readonly split?: SplitName;
}

interface Texts {
  readonly entries: readonly TextEntry[];
  readonly problems: readonly DataProblem[];
}

/**
 * Opens a data set of texts: a CSV or JSON lines file with `text`, `label` and optionally `split`; a folder with tables named `train`, and
 * optionally `val` and `test`; or folders of `.txt` files, as for images. Skips empty texts.
 *
 * @throws ThawError `not-found` or `bad-data`
 */
export async function openTexts(path: string, options: OpenDatasetOptions = {}): Promise<Dataset> {
  const { seed = 0, valFraction = 0.2, strict = false, signal } = options;
  const { entries: all, problems } = await listTexts(path, signal);
  const entries = all.filter(({ label }) => label !== UNKNOWN);
  const fail = (message: string, hint = HINT): never => {
    throw new ThawError('bad-data', `${path}: ${message}`, hint);
  };
  if (strict && problems.length) {
    const [{ file, reason }] = problems;
    fail(`${problems.length} unusable texts: ${file} (${reason}), …`, 'Remove them, or do not use --strict');
  }
  if (!entries.length) fail('it has no texts');
  const classes = options.classes ?? [...new Set(entries.map(({ label }) => label))].sort(byCodeUnits);
  const unknown = entries.find(({ label }) => !classes.includes(label));
  if (unknown) {
    fail(
      `the model has no class "${unknown.label}" (${unknown.file}); its classes are ${classes.slice(0, 5).join(', ')}`,
      'Use the class names of the model',
    );
  }
  const splits = { train: [] as Sample[], val: [] as Sample[], test: [] as Sample[] };
  for (const { file, text, label, split = 'train' } of entries)
    splits[split].push({ file, text, label: classes.indexOf(label) });
  if (!options.classes) {
    if (classes.length < 2) fail(`it has only one class, "${classes[0]}"`, 'A classifier needs at least two classes');
    const trained = new Set(splits.train.map(({ label }) => label));
    const lacking = classes.find((_, label) => !trained.has(label));
    if (lacking) fail(`class "${lacking}" has no training text`, 'Move some of its texts to train');
  }
  const held = entries.some(({ split }) => split === 'val');
  if (valFraction === 1) {
    if (!entries.some(({ split }) => split)) Object.assign(splits, { train: [], val: splits.train });
  } else if (valFraction > 0 && !held) {
    const single = classes.find((_, c) => splits.train.filter(({ label }) => label === c).length === 1);
    if (single && !options.classes)
      fail(`class "${single}" has only one text, so none can be held out for validation`, 'Add texts, or a val split');
    Object.assign(splits, stratifiedSplit(splits.train, valFraction, seed));
  }
  const ofNone = all.filter(({ label }) => label === UNKNOWN).map(({ file, text }) => ({ file, text, label: -1 }));
  return { classes, ...splits, problems, unknown: ofNone };
}

async function listTexts(path: string, signal?: AbortSignal): Promise<Texts> {
  const kind = await stat(path).catch(() => undefined);
  if (!kind) throw new ThawError('not-found', `${path} does not exist`, HINT);
  if (kind.isFile()) return TABLE.test(path) ? readTable(path) : readFiles(await listDataset(path), signal);
  const tables = (await listFiles(path))
    .map((file) => ({ file, split: splitNames.get(relative(path, file).replace(TABLE, '').toLowerCase()) }))
    .filter(({ file }) => TABLE.test(file) && !relative(path, file).includes(sep));
  const splitTables = tables.filter(({ split }) => split);
  if (!splitTables.some(({ split }) => split === 'train')) {
    if (tables.length === 1) return readTable(tables[0].file);
    return readFiles(await listDataset(path), signal);
  }
  const read = await Promise.all(splitTables.map(({ file, split }) => readTable(file, split)));
  return { entries: read.flatMap(({ entries }) => entries), problems: read.flatMap(({ problems }) => problems) };
}

async function readTable(path: string, ofAll?: SplitName): Promise<Texts> {
  const entries: TextEntry[] = [];
  const problems: DataProblem[] = [];
  for (const { line, row } of await tableRows(path, ['text', 'label'])) {
    const file = `${path}:${line}`;
    const [text, label, named] = ['text', 'label', 'split'].map((key) => cell(row, key));
    const split = named ? splitNames.get(named.toLowerCase()) : ofAll;
    if (named && !split) throw new ThawError('bad-data', `${file}: split is "${named}"`, 'Use train, val or test');
    if (!label) throw new ThawError('bad-data', `${file}: no label`, 'Add a text and a label to every row');
    if (text) entries.push({ file, text, label: label.normalize('NFC'), split });
    else problems.push({ file, reason: 'no text' });
  }
  return { entries, problems };
}

async function readFiles({ entries, strays }: Listing, signal?: AbortSignal): Promise<Texts> {
  const read: TextEntry[] = [];
  const problems = strays.map((file): DataProblem => ({ file, reason: 'not in a class folder' }));
  for (const { file, label, split } of entries) {
    signal?.throwIfAborted();
    const text = /\.txt$/i.test(file) ? (await readFile(file, 'utf8')).trim() : undefined;
    if (text) read.push({ file, text, label, split });
    else problems.push({ file, reason: text === undefined ? 'not a .txt file' : 'no text' });
  }
  return { entries: read, problems };
}

/** @throws ThawError `bad-data` with the invalid line, or the missing column */
export async function tableRows(path: string, needed: readonly string[]): Promise<readonly NumberedRow[]> {
  const { rows, columns } = await readRows(path, '{"text": "Fine!", "label": "good"}');
  const hint = `Add the columns ${needed.join(', ')}`;
  if (!rows.length) throw new ThawError('bad-data', `${path} has no rows`, hint);
  const lacking = needed.find((name) => !columns.includes(name));
  if (!lacking) return rows;
  throw new ThawError('bad-data', `${path} has no column ${lacking}, only ${columns.join(', ')}`, hint);
}
