/** Lists a data set's files: class folders, or a table of files and labels. */
import type { Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ThawError } from '../../errors.ts';
import { byCodeUnits } from '../split.ts';
import { type LabelReading, UNKNOWN } from '../types.ts';
import { type SplitName, splitNames } from './split-names.ts';
import { listTable } from './table.ts';

export interface Entry {
  /** Absolute. */
  readonly file: string;
  /** The class; for several labels or numbers, all of them as one text. */
  readonly label: string;
  readonly labels?: readonly string[];
  readonly numbers?: readonly number[];
  /** Undefined if the data set does not define it. */
  readonly split?: SplitName;
}

export interface Listing {
  /** Names of the columns with labels or numbers, if there are such columns. */
  readonly columns?: readonly string[];
  readonly entries: readonly Entry[];
  /** Empty class folders, as `[class, folder]`. */
  readonly emptyFolders: readonly (readonly [string, string])[];
  /** Files outside of class folders. */
  readonly strays: readonly string[];
}

const tableNames = ['metadata', 'labels'].flatMap((name) => ['csv', 'tsv', 'jsonl'].map((type) => `${name}.${type}`));
const isTable = (path: string): boolean => /\.(csv|tsv|jsonl|ndjson)$/i.test(path);
/** Files that operating systems leave in folders. */
export const isHidden = (name: string): boolean =>
  name.startsWith('.') || ['thumbs.db', 'desktop.ini'].includes(name.toLowerCase());

/** @throws {ThawError} `not-found` for a missing path, `bad-data` if it is not a data set */
export async function listDataset(path: string, reading: LabelReading = { kind: 'class' }): Promise<Listing> {
  const kind = await stat(path).catch(() => undefined);
  if (!kind)
    throw new ThawError(
      'not-found',
      `${path} does not exist`,
      'Give a folder with one folder of images per class, or a CSV file',
    );
  if (kind.isFile()) {
    if (isTable(path)) return listTable(path, reading);
    throw new ThawError(
      'bad-data',
      `${path} is neither a folder nor a CSV or JSON lines file`,
      'Give a folder with one folder of images per class',
    );
  }
  const { folders, files } = await listFolder(path);
  const table = tableNames.find((name) => files.includes(name));
  if (table) return listTable(join(path, table), reading);
  if (reading.kind === 'class') return listClassFolders(path, folders, files);
  throw new ThawError(
    'bad-data',
    `${path} has no table, and folders cannot give ${reading.kind === 'labels' ? 'several labels' : 'numbers'} per image`,
    'Add a metadata.csv or metadata.jsonl with file_name and the labels',
  );
}

async function listClassFolders(path: string, folders: readonly string[], files: readonly string[]): Promise<Listing> {
  if (folders.length === 0) {
    throw new ThawError(
      'bad-data',
      files.length === 0 ? `${path} is empty` : `${path} has no class folders`,
      'Add one folder of images per class, or a metadata.csv with file_name and label',
    );
  }
  const splitOf = (folder: string): SplitName | undefined => splitNames.get(folder.toLowerCase());
  const isSplit = folders.every(splitOf) || (await hasTrainingSplit(path, folders));
  const entries: Entry[] = [];
  const emptyFolders: [string, string][] = [];
  const strays = files.map((name) => join(path, name));
  const addClass = async (folder: string, split?: SplitName) => {
    const label = basename(folder).normalize('NFC');
    const found = await listFiles(folder);
    if (found.length === 0) emptyFolders.push([label, folder]);
    // One by one: as arguments of one call, more than about 120,000 are an error.
    for (const file of found) entries.push({ file, label, split });
  };
  for (const folder of folders) {
    if (!isSplit) {
      await addClass(join(path, folder));
      continue;
    }
    const split = splitOf(folder);
    const inside = await listFolder(join(path, folder));
    if (!split) {
      if (folder === UNKNOWN) await addClass(join(path, folder));
      else for await (const file of walkFiles(join(path, folder))) strays.push(file);
      continue;
    }
    for (const name of inside.files) strays.push(join(path, folder, name));
    if (split !== 'test' && inside.folders.length === 0) {
      throw new ThawError(
        'bad-data',
        `${join(path, folder)} has no class folders`,
        'Add one folder of images per class',
      );
    }
    for (const name of inside.folders) await addClass(join(path, folder, name), split);
  }
  return { entries, emptyFolders, strays };
}

/** Whether a folder is the training split. `train` can also be a class among others, such as one of vehicles. */
async function hasTrainingSplit(path: string, folders: readonly string[]): Promise<boolean> {
  const splits = folders.filter((folder) => splitNames.has(folder.toLowerCase()));
  const train = splits.find((folder) => splitNames.get(folder.toLowerCase()) === 'train');
  if (train === undefined || splits.length > 1) return train !== undefined;
  const inside = await listFolder(join(path, train));
  return inside.folders.length > 0 || inside.files.length === 0;
}

/** The names in a folder in a machine-independent order, without hidden files. Follows links. */
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

/** All files in a folder and its subfolders, in order. Does not enter a link to a parent folder again. */
export async function* walkFiles(path: string, above: readonly string[] = []): AsyncGenerator<string> {
  const real = await realpath(path);
  if (above.includes(real)) return;
  const { folders, files } = await listFolder(path);
  for (const name of files) yield join(path, name);
  for (const folder of folders) yield* walkFiles(join(path, folder), [...above, real]);
}

/** The same as a list. */
export async function listFiles(path: string): Promise<string[]> {
  const files: string[] = [];
  for await (const file of walkFiles(path)) files.push(file);
  return files;
}
