import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { ThawError } from '../../errors.ts';
import { codeOf, writeAtomically } from '../disk/index.ts';

/** Cache folder for downloads: `THAW_CACHE`, or `thaw` in the user's cache folder (XDG: `~/.cache`). */
export function cacheFolder(): string {
  const { THAW_CACHE, XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  if (THAW_CACHE) return resolve(THAW_CACHE);
  if (XDG_CACHE_HOME) return join(XDG_CACHE_HOME, 'thaw');
  if (process.platform === 'win32' && LOCALAPPDATA) return join(LOCALAPPDATA, 'thaw');
  return join(homedir(), '.cache', 'thaw');
}

/** Writes JSON atomically. @throws ThawError `bad-config` if the folder is not writable */
export const writeJson = (path: string, value: unknown): Promise<void> =>
  writeAtomically(path, JSON.stringify(value, null, 2)).catch((error) => {
    // The hints of `writeAtomically` are about runs. The cache needs its own.
    throw cacheError(dirname(path), error instanceof ThawError ? error.cause : error);
  });

export const cacheError = (folder: string, cause: unknown): ThawError =>
  new ThawError(
    'bad-config',
    `cannot write to the cache ${folder}: ${codeOf(cause) === 'ENOSPC' ? 'the disk is full' : (codeOf(cause) ?? (cause as Error).message)}`,
    `Free some space, or set ${/[\\/]models--/.test(folder) ? 'HF_HOME' : 'THAW_CACHE'} to a writable folder`,
    { cause },
  );
