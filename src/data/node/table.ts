/** Reads a CSV or JSON lines file of images and labels. */
import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { ThawError } from '../../errors.ts';
import { byCodeUnits } from '../split.ts';
import type { LabelReading } from '../types.ts';
import type { Entry, Listing } from './listing.ts';
import { cell, isCsv, type Row, readRows } from './rows.ts';
import { splitNames } from './split-names.ts';

const FILE = ['file_name', 'file', 'filename', 'path', 'image'];
const SPLIT = 'split';

/** The labels of a row. */
type Labels = Pick<Entry, 'label' | 'labels' | 'numbers'>;

/** @throws ThawError `bad-data` with the line and the problem */
export async function listTable(path: string, reading: LabelReading): Promise<Listing> {
  const { rows, columns } = await readRows(path, '{"file_name": "a.jpg", "label": "cat"}');
  if (rows.length === 0)
    throw new ThawError('bad-data', `${path} has no rows`, `Add one row per image: ${example(reading)}`);
  const fileColumn = FILE.find((name) => columns.includes(name));
  if (!fileColumn) throw missingColumn(path, 'file_name', columns, reading);
  const { read, names } = reader(path, reading, columns, fileColumn);
  const entries = new Map<string, Entry>();
  const missing: string[] = [];
  for (const { line, row } of rows) {
    const where = `${path}, line ${line}`;
    const name = cell(row, fileColumn);
    if (!name)
      throw new ThawError(
        'bad-data',
        `${where}: no ${fileColumn}`,
        `The columns are ${example(reading)} and optionally split`,
      );
    const labels = read(row, where, name);
    const split = splitNames.get(cell(row, SPLIT).toLowerCase());
    if (cell(row, SPLIT) && !split)
      throw new ThawError('bad-data', `${where}: split is "${cell(row, SPLIT)}"`, 'Use train, val or test');
    const file = resolve(dirname(path), name);
    const before = entries.get(file);
    if (before && (before.label !== labels.label || before.split !== split)) {
      throw new ThawError(
        'bad-data',
        `${where}: ${name} has the label "${labels.label}", but earlier "${before.label}"`,
        'List each file once',
      );
    }
    if (!before && !(await isFile(file))) missing.push(name);
    entries.set(file, { file, split, ...labels });
  }
  if (missing.length > 0) {
    const some = missing.slice(0, 3).join(', ') + (missing.length > 3 ? ', …' : '');
    throw new ThawError(
      'bad-data',
      `${missing.length} files of ${path} do not exist: ${some}`,
      'File names are relative to the table',
    );
  }
  const sorted = [...entries.values()].sort((a, b) => byCodeUnits(a.file, b.file));
  return { columns: names, entries: sorted, emptyFolders: [], strays: [] };
}

const isFile = (path: string): Promise<boolean> =>
  stat(path).then(
    (s) => s.isFile(),
    () => false,
  );

/** Example columns of a valid table. */
function example(reading: LabelReading): string {
  if (reading.kind === 'class') return 'file_name,label';
  const own = reading.columns ?? [reading.kind === 'labels' ? 'labels' : 'a column of numbers'];
  return ['file_name', ...own].join(',');
}

const missingColumn = (path: string, column: string, columns: readonly string[], reading: LabelReading) =>
  new ThawError(
    'bad-data',
    `${path} has no column ${column}, only ${columns.join(', ')}`,
    `${isCsv(path) ? 'The first line must have the column names' : 'Every line must have'}: ${example(reading)}`,
  );

/** A function that reads a row's labels, and the label names from columns. */
function reader(path: string, reading: LabelReading, columns: readonly string[], fileColumn: string) {
  const needed = (column: string) => {
    if (!columns.includes(column)) throw missingColumn(path, column, columns, reading);
    return column;
  };
  if (reading.kind === 'class') return { read: classReader(needed('label'), reading) };
  if (reading.kind === 'labels') {
    const list = ['labels', 'label'].find((name) => columns.includes(name));
    const own =
      reading.columns ?? (!list && reading.known?.every((name) => columns.includes(name)) ? reading.known : undefined);
    return own ? { read: flagReader(own.map(needed)), names: own } : { read: listReader(list ?? needed('labels')) };
  }
  const names = reading.columns?.map(needed) ?? columns.filter((name) => name !== fileColumn && name !== SPLIT);
  if (names.length === 0) throw missingColumn(path, 'of numbers', columns, reading);
  return { read: numberReader(names), names };
}

type Reader = (row: Row, where: string, name: string) => Labels;

const classReader =
  (column: string, reading: LabelReading): Reader =>
  (row, where, name) => {
    const label = cell(row, column).normalize('NFC');
    if (label) return { label };
    throw new ThawError(
      'bad-data',
      `${where}: no label for ${name}`,
      `The columns are ${example(reading)} and optionally split`,
    );
  };

/** A JSON list, or names separated by `|` or `;`. An empty list means none of the labels. */
const listReader =
  (column: string): Reader =>
  (row, where) => {
    const value = row[column];
    if (value === undefined)
      throw new ThawError('bad-data', `${where}: no ${column}`, 'Write an empty list for no labels');
    const parts: unknown[] = Array.isArray(value) ? value : value === null ? [] : String(value).split(/[|;]/);
    const wrong = parts.find((part) => typeof part !== 'string');
    if (wrong !== undefined) {
      throw new ThawError(
        'bad-data',
        `${where}: ${column} contains ${JSON.stringify(wrong)}`,
        'Write a list of names, such as ["a", "b"]',
      );
    }
    const names = parts.map((part) => String(part).trim().normalize('NFC')).filter((part) => part !== '');
    const labels = [...new Set(names)].sort(byCodeUnits);
    return { labels, label: labels.join('|') };
  };

const YES = ['1', 'true', 'yes'];
const NO = ['0', 'false', 'no'];

/** Columns with 0 and 1. */
const flagReader =
  (columns: readonly string[]): Reader =>
  (row, where) => {
    const labels = columns.filter((column) => {
      const text = cell(row, column).toLowerCase();
      if (YES.includes(text)) return true;
      if (NO.includes(text)) return false;
      throw new ThawError('bad-data', `${where}: ${column} is "${cell(row, column)}"`, 'Use 0 or 1');
    });
    return { labels: labels.map((label) => label.normalize('NFC')), label: labels.join('|') };
  };

const numberReader =
  (columns: readonly string[]): Reader =>
  (row, where) => {
    const numbers = columns.map((column) => {
      const text = cell(row, column);
      const number = text === '' ? Number.NaN : Number(text);
      if (Number.isFinite(number)) return number;
      throw new ThawError(
        'bad-data',
        `${where}: ${column} is "${text}"`,
        `Use a number with a decimal point, or select the numeric columns with --targets`,
      );
    });
    return { numbers, label: numbers.join('|') };
  };
