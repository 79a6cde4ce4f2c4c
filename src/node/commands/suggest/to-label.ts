/** Suggestions as a folder to sort, or as a table to fill in. */
import { constants, existsSync } from 'node:fs';
import { copyFile, mkdir, readdir } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { ThawError } from '../../../errors.ts';
import { fileNameProblem } from '../../../file-names.ts';
import { csvOf } from '../../../report/csv.ts';
import { ignoring, makeFolder, writeAtomically } from '../../disk/index.ts';
import type { Suggestions } from './index.ts';

/** Where suggestions go. */
export interface Destinations {
  readonly copy?: string;
  readonly csv?: string;
}

/** @throws ThawError `run-directory` if something is there, such as labels from before */
export async function checkDestinations({ copy, csv }: Destinations): Promise<void> {
  const names = copy === undefined ? [] : await readdir(copy).catch(ignoring('ENOENT'));
  if (names?.length) throw new ThawError('run-directory', `${copy} is not empty`, 'Choose another folder for --copy');
  if (csv !== undefined && existsSync(csv))
    throw new ThawError('run-directory', `${csv} exists already`, 'Choose another file for --csv');
}

/**
 * Copies suggested images into a new folder, with their rank in the name, next to an empty folder for each class.
 *
 * @throws ThawError `bad-config` for texts
 */
export async function copyToLabel({ suggestions, classes, task }: Suggestions, folder: string): Promise<void> {
  if (suggestions.some(({ text }) => text !== undefined))
    throw new ThawError('bad-config', '--copy copies files, and the suggestions are texts', 'Use --csv FILE');
  const path = resolve(folder);
  await makeFolder(path);
  const digits = String(suggestions.length).length;
  for (const [i, { file }] of suggestions.entries()) {
    const rank = String(i + 1).padStart(digits, '0');
    await copyFile(file, join(path, `${rank}-${basename(file)}`), constants.COPYFILE_EXCL);
  }
  if (task === 'classification')
    for (const name of classes) if (fileNameProblem(name) === undefined) await mkdir(join(path, name));
}

/**
 * Writes suggestions as a table that Thaw reads once its labels are filled in.
 *
 * @throws ThawError `run-directory` if it cannot be written
 */
export async function tableToLabel({ suggestions, task, classes }: Suggestions, file: string): Promise<void> {
  const folder = dirname(resolve(file));
  await makeFolder(folder);
  const nameOf = (path: string) => relative(folder, resolve(path)).split(sep).join('/');
  const areTexts = suggestions.some(({ text }) => text !== undefined);
  // A table of numbers has no other columns.
  const labels = task === 'regression' ? classes : [task === 'multi-label' ? 'labels' : 'label'];
  const more = task === 'regression' ? [] : ['reason'];
  const rows = suggestions.map((own) => [
    areTexts ? own.text : nameOf(own.file),
    ...labels.map(() => null),
    ...more.map(() => own.reason),
  ]);
  await writeAtomically(resolve(file), csvOf([[areTexts ? 'text' : 'file_name', ...labels, ...more], ...rows]));
}
