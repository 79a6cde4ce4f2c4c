import { randomUUID } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { ThawError } from '../errors.ts';

/** Where downloaded models are kept: `THAW_CACHE`, or `thaw` in the user's cache folder (XDG: `~/.cache`). */
export function cacheFolder(): string {
  const { THAW_CACHE, XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  if (THAW_CACHE) return resolve(THAW_CACHE);
  if (XDG_CACHE_HOME) return join(XDG_CACHE_HOME, 'thaw');
  if (process.platform === 'win32' && LOCALAPPDATA) return join(LOCALAPPDATA, 'thaw');
  return join(homedir(), '.cache', 'thaw');
}

/** Writes JSON so that the file is whole or not there. */
export async function writeWhole(path: string, value: unknown): Promise<void> {
  const part = `${path}.${randomUUID()}.part`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(part, JSON.stringify(value, null, 2));
    await rename(part, path);
  } catch (error) {
    throw unwritable(dirname(path), error as NodeJS.ErrnoException);
  }
}

export const unwritable = (folder: string, cause: NodeJS.ErrnoException): ThawError =>
  new ThawError(
    'bad-config',
    `cannot write to the cache ${folder}: ${cause.code === 'ENOSPC' ? 'the disk is full' : (cause.code ?? cause.message)}`,
    'Make room, or set THAW_CACHE to a folder that can be written',
    { cause },
  );
