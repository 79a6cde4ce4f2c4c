import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { ThawError } from '../../errors.ts';
import { codeOf, writeAtomically } from '../disk/index.ts';

/** Where downloaded models are kept: `THAW_CACHE`, or `thaw` in the user's cache folder (XDG: `~/.cache`). */
export function cacheFolder(): string {
  const { THAW_CACHE, XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  if (THAW_CACHE) return resolve(THAW_CACHE);
  if (XDG_CACHE_HOME) return join(XDG_CACHE_HOME, 'thaw');
  if (process.platform === 'win32' && LOCALAPPDATA) return join(LOCALAPPDATA, 'thaw');
  return join(homedir(), '.cache', 'thaw');
}

/** Writes JSON so that the file is whole or not there. @throws ThawError `bad-config` when the folder cannot be written */
export const writeWhole = (path: string, value: unknown): Promise<void> =>
  writeAtomically(path, JSON.stringify(value, null, 2)).catch((error) => {
    // Where the system's error is explained it speaks of a run's folder: of a cache there is other advice.
    throw unwritable(dirname(path), error instanceof ThawError ? error.cause : error);
  });

export const unwritable = (folder: string, cause: unknown): ThawError =>
  new ThawError(
    'bad-config',
    `cannot write to the cache ${folder}: ${codeOf(cause) === 'ENOSPC' ? 'the disk is full' : (codeOf(cause) ?? (cause as Error).message)}`,
    'Make room, or set THAW_CACHE to a folder that can be written',
    { cause },
  );
