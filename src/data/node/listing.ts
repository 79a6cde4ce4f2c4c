/** What a data set's files say about themselves: class folders, or a table of files and labels. */
import type { Dirent } from 'node:fs';
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { parse } from 'csv-parse/sync';
import { ThawError } from '../../errors.ts';
import { byCodeUnits } from '../split.ts';

export type SplitName = 'train' | 'val' | 'test';

export interface Entry {
  /** Absolute. */
  readonly file: string;
  readonly label: string;
  /** Undefined where the data set doesn't say. */
  readonly split?: SplitName;
}

export interface Listing {
  readonly entries: readonly Entry[];
  /** Class folders without a file, as `[class, folder]`. */
  readonly emptyFolders: readonly (readonly [string, string])[];
  /** Files that belong to no class. */
  readonly strays: readonly string[];
}

export const splitNames = new Map(
  Object.entries<SplitName>({
    train: 'train',
    training: 'train',
    val: 'val',
    valid: 'val',
    validation: 'val',
    dev: 'val',
    test: 'test',
    testing: 'test',
  }),
);

const tableNames = ['metadata.csv', 'metadata.jsonl', 'labels.csv', 'labels.jsonl'];
const isTable = (path: string): boolean => /\.(csv|jsonl|ndjson)$/i.test(path);
/** What operating systems leave in folders. */
const isHidden = (name: string): boolean =>
  name.startsWith('.') || ['thumbs.db', 'desktop.ini'].includes(name.toLowerCase());

/** @throws {ThawError} `not-found` for a missing path, `bad-data` for one that holds no data set */
export async function listDataset(path: string): Promise<Listing> {
  const kind = await stat(path).catch(() => undefined);
  if (!kind)
    throw new ThawError(
      'not-found',
      `there is no ${path}`,
      'Give a folder with one folder of pictures for each class, or a CSV file',
    );
  if (kind.isFile()) {
    if (isTable(path)) return listTable(path);
    throw new ThawError(
      'bad-data',
      `${path} is neither a folder nor a CSV or JSON lines file`,
      'Give a folder with one folder of pictures for each class',
    );
  }
  const { folders, files } = await listFolder(path);
  const table = tableNames.find((name) => files.includes(name));
  return table ? listTable(join(path, table)) : listClassFolders(path, folders, files);
}

async function listClassFolders(path: string, folders: readonly string[], files: readonly string[]): Promise<Listing> {
  if (folders.length === 0) {
    throw new ThawError(
      'bad-data',
      files.length === 0 ? `${path} is empty` : `${path} has no class folders`,
      'It needs one folder of pictures for each class, or a metadata.csv with file_name and label',
    );
  }
  const splitOf = (folder: string): SplitName | undefined => splitNames.get(folder.toLowerCase());
  const isSplit = folders.some((folder) => splitOf(folder) === 'train') || folders.every(splitOf);
  const entries: Entry[] = [];
  const emptyFolders: [string, string][] = [];
  const strays = files.map((name) => join(path, name));
  const addClass = async (folder: string, split?: SplitName) => {
    const label = basename(folder).normalize('NFC');
    const found = await listFiles(folder);
    if (found.length === 0) emptyFolders.push([label, folder]);
    entries.push(...found.map((file) => ({ file, label, split })));
  };
  for (const folder of folders) {
    if (!isSplit) {
      await addClass(join(path, folder));
      continue;
    }
    const split = splitOf(folder);
    const inside = await listFolder(join(path, folder));
    if (!split) {
      strays.push(...(await listFiles(join(path, folder))));
      continue;
    }
    strays.push(...inside.files.map((name) => join(path, folder, name)));
    if (split !== 'test' && inside.folders.length === 0) {
      throw new ThawError(
        'bad-data',
        `${join(path, folder)} has no class folders`,
        'It needs one folder of pictures for each class',
      );
    }
    for (const name of inside.folders) await addClass(join(path, folder, name), split);
  }
  return { entries, emptyFolders, strays };
}

/** The names in a folder in an order that every machine agrees on, hidden ones left out; links are followed. */
async function listFolder(path: string): Promise<{ folders: string[]; files: string[] }> {
  const isFolder = async (item: Dirent) =>
    item.isSymbolicLink()
      ? await stat(join(path, item.name)).then(
          (s) => s.isDirectory(),
          () => false,
        )
      : item.isDirectory();
  const items = (await readdir(path, { withFileTypes: true })).filter(({ name }) => !isHidden(name));
  items.sort((a, b) => byCodeUnits(a.name, b.name));
  const folders: string[] = [];
  const files: string[] = [];
  for (const item of items) ((await isFolder(item)) ? folders : files).push(item.name);
  return { folders, files };
}

/** All files under a folder, in order. A folder that links to one above it is not entered again. */
export async function listFiles(path: string, above: readonly string[] = []): Promise<string[]> {
  const real = await realpath(path);
  if (above.includes(real)) return [];
  const { folders, files } = await listFolder(path);
  const nested: string[] = [];
  for (const folder of folders) nested.push(...(await listFiles(join(path, folder), [...above, real])));
  return [...files.map((name) => join(path, name)), ...nested];
}

async function listTable(path: string): Promise<Listing> {
  const text = await readFile(path, 'utf8');
  const rows = /\.csv$/i.test(path) ? readCsv(path, text) : readJsonLines(path, text);
  if (rows.length === 0)
    throw new ThawError('bad-data', `${path} has no rows`, 'It needs one row a picture: file_name,label');
  const entries = new Map<string, Entry>();
  const missing: string[] = [];
  for (const { line, row } of rows) {
    const where = `${path}, line ${line}`;
    const text = (key: string) => (row[key] === undefined || row[key] === null ? '' : String(row[key]).trim());
    const name = text('file_name');
    const label = text('label').normalize('NFC');
    if (!name)
      throw new ThawError(
        'bad-data',
        `${where}: no file_name`,
        'The columns are file_name, label and, if you like, split',
      );
    if (!label)
      throw new ThawError(
        'bad-data',
        `${where}: no label for ${name}`,
        'The columns are file_name, label and, if you like, split',
      );
    const split = splitNames.get(text('split').toLowerCase());
    if (text('split') && !split)
      throw new ThawError('bad-data', `${where}: split is "${text('split')}"`, 'It must be train, val or test');
    const file = resolve(dirname(path), name);
    const before = entries.get(file);
    if (before && (before.label !== label || before.split !== split)) {
      throw new ThawError(
        'bad-data',
        `${where}: ${name} was "${before.label}" before and is "${label}" here`,
        'List every file once',
      );
    }
    if (
      !before &&
      !(await stat(file).then(
        (s) => s.isFile(),
        () => false,
      ))
    )
      missing.push(name);
    entries.set(file, { file, label, split });
  }
  if (missing.length > 0) {
    const some = missing.slice(0, 3).join(', ') + (missing.length > 3 ? ', …' : '');
    throw new ThawError(
      'bad-data',
      `${missing.length} of the files in ${path} do not exist: ${some}`,
      'File names are relative to the table',
    );
  }
  return { entries: [...entries.values()].sort((a, b) => byCodeUnits(a.file, b.file)), emptyFolders: [], strays: [] };
}

interface Row {
  readonly line: number;
  readonly row: Readonly<Record<string, unknown>>;
}

function readCsv(path: string, text: string): Row[] {
  let records: { record: Record<string, string>; info: { lines: number } }[];
  try {
    records = parse(text, { bom: true, columns: true, info: true, skip_empty_lines: true, trim: true }) as never;
  } catch (error) {
    throw new ThawError(
      'bad-data',
      `${path}: ${(error as Error).message}`,
      'It must be a CSV file with a header: file_name,label',
      { cause: error },
    );
  }
  const columns = Object.keys(records[0]?.record ?? {});
  const lacking = ['file_name', 'label'].find((column) => records.length > 0 && !columns.includes(column));
  if (lacking)
    throw new ThawError(
      'bad-data',
      `${path} has no column ${lacking}, only ${columns.join(', ')}`,
      'Its first line must name the columns: file_name,label',
    );
  return records.map(({ record, info }) => ({ line: info.lines, row: record }));
}

function readJsonLines(path: string, text: string): Row[] {
  const lines = text
    .replace(/^\ufeff/, '')
    .split('\n')
    .map((content, i) => ({ content, line: i + 1 }));
  return lines
    .filter(({ content }) => content.trim())
    .map(({ content, line }) => {
      try {
        const row: unknown = JSON.parse(content);
        if (typeof row === 'object' && row !== null) return { line, row: row as Record<string, unknown> };
      } catch {
        // Reported below.
      }
      throw new ThawError(
        'bad-data',
        `${path}, line ${line} is not a JSON object`,
        'One a line: {"file_name": "a.jpg", "label": "cat"}',
      );
    });
}
