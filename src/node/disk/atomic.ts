/** Writes files that are complete or absent, even after a crash. */
import { createHash, randomBytes } from 'node:crypto';
import { link, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join, resolve, toNamespacedPath } from 'node:path';
import type { Parts } from '../../bytes.ts';
import { ThawError } from '../../errors.ts';

/** Bytes to read at a time. */
const PIECE = 2 ** 20;

/** Name of a temporary file: the target's name, the machine, the process id, and a random suffix. */
const LEFTOVER = /^\.(.+)\.([0-9a-f]{4})([0-9a-f]{8})[0-9a-f]{8}\.tmp$/;
const MACHINE = createHash('sha256').update(hostname()).digest('hex').slice(0, 4);

/** A temporary name next to `path`. */
export const temporaryName = (path: string): string => {
  const pid = process.pid.toString(16).padStart(8, '0');
  return join(dirname(path), `.${basename(path)}.${MACHINE}${pid}${randomBytes(4).toString('hex')}.tmp`);
};

/** Removes a file's leftovers from ended processes of this machine. For files in folders without a lock. */
export async function removeAbandoned(path: string): Promise<void> {
  for (const name of await readdir(dirname(path)).catch(() => [])) {
    const [, file, machine, pid] = LEFTOVER.exec(name) ?? [];
    if (file === basename(path) && machine === MACHINE && !isRunning(Number.parseInt(pid, 16)))
      await removeQuietly(join(dirname(path), name));
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) !== 'ESRCH';
  }
}

/** Removes the leftovers of a killed process from a folder. The caller must hold the run's lock. */
export async function removeLeftovers(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  await Promise.all(
    names.filter((name) => LEFTOVER.test(name)).map((name) => rm(join(folder, name), { recursive: true, force: true })),
  );
}

/** The contents of a file, as one piece or as parts to concatenate. */
export type Contents = string | Parts;

const partsOf = (contents: Contents): Iterable<Uint8Array | string> =>
  typeof contents === 'string' || contents instanceof Uint8Array ? [contents] : contents;

/** Writes parts to a new file, or appends them to a file, and flushes them to the disk. */
export async function writeFlushed(
  path: string,
  parts: Iterable<Uint8Array | string>,
  flags: 'wx' | 'a' = 'wx',
): Promise<void> {
  const file = await open(path, flags);
  try {
    for (const part of parts) await file.appendFile(part);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Whether a file consists of exactly these parts. Reads it piece by piece. */
export async function hasContents(path: string, parts: Iterable<Uint8Array>): Promise<boolean> {
  const piece = Buffer.allocUnsafe(PIECE);
  const file = await open(path);
  try {
    let at = 0;
    for (const part of parts) {
      for (let from = 0; from < part.length; from += PIECE) {
        const wanted = part.subarray(from, from + PIECE);
        for (let read = 0; read < wanted.length; ) {
          const { bytesRead } = await file.read(piece, read, wanted.length - read, at);
          if (bytesRead === 0) return false;
          read += bytesRead;
          at += bytesRead;
        }
        if (piece.compare(wanted, 0, wanted.length, 0, wanted.length) !== 0) return false;
      }
    }
    return (await file.stat()).size === at;
  } finally {
    await file.close();
  }
}

/**
 * Makes a folder and its parents, and flushes their names to the disk.
 *
 * @throws ThawError `run-directory` if the disk is full or not writable
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    const first = await mkdir(path, { recursive: true });
    if (first === undefined) return;
    // On Windows, `mkdir` returns a path that starts with `\\?\`.
    const above = dirname(toNamespacedPath(resolve(first)));
    for (let folder = toNamespacedPath(resolve(path)); folder !== above; ) {
      folder = dirname(folder);
      await flushFolder(folder);
    }
  } catch (error) {
    throw writeError(error, path);
  }
}

/**
 * Writes a temporary file, flushes it and renames it to its target.
 *
 * @param check called with the flushed file before the rename; if it throws, the old file stays unchanged
 * @throws ThawError `run-directory` if the disk is full or not writable
 */
export async function writeAtomically(
  path: string,
  contents: Contents,
  check?: (path: string) => Promise<void>,
): Promise<void> {
  const unfinished = temporaryName(path);
  try {
    await makeFolder(dirname(path));
    await writeFlushed(unfinished, partsOf(contents));
    await check?.(unfinished);
    await rename(unfinished, path);
    await flushFolder(dirname(path));
  } catch (error) {
    await removeQuietly(unfinished);
    throw writeError(error, path);
  }
}

/** Makes a file another name of an existing one, in place of what was there. Throws the errors of the file system. Does not flush the folder. */
export async function linkAtomically(existing: string, path: string): Promise<void> {
  const second = temporaryName(path);
  try {
    await link(existing, second);
    await rename(second, path);
  } finally {
    // A rename between two links to the same file does nothing (POSIX), for example after a kill at this point.
    await rm(second, { force: true });
  }
}

/**
 * Appends to a file and flushes it. A kill can leave a part of the appended bytes.
 *
 * @throws ThawError `run-directory` if the disk is full or not writable
 */
export async function appendFlushed(path: string, contents: Uint8Array | string): Promise<void> {
  await writeFlushed(path, [contents], 'a').catch((error) => {
    throw writeError(error, path);
  });
}

/** Removes the leftovers of a failed write. Ignores errors, because the error of the write matters. */
export const removeQuietly = (path: string): Promise<void> =>
  rm(path, { recursive: true, force: true }).catch(() => undefined);

/**
 * Writes the files of a folder to a temporary folder and replaces the old one. For an instant, neither exists.
 *
 * @throws ThawError `run-directory` if the disk is full or not writable; the old folder then stays unchanged
 */
export async function replaceFolder(path: string, files: ReadonlyMap<string, Contents>): Promise<void> {
  const [fresh, old] = [temporaryName(path), temporaryName(path)];
  const folders = new Set([fresh]);
  try {
    await makeFolder(fresh);
    for (const [file, contents] of files) {
      const folder = dirname(join(fresh, file));
      await makeFolder(folder);
      folders.add(folder);
      await writeFlushed(join(fresh, file), partsOf(contents));
    }
    for (const folder of folders) await flushFolder(folder);
    const moved = await rename(path, old).then(() => true, ignoring('ENOENT'));
    await rename(fresh, path).catch(async (error) => {
      if (moved) await rename(old, path);
      throw error;
    });
    await flushFolder(dirname(path));
  } catch (error) {
    await removeQuietly(fresh);
    throw writeError(error, path);
  }
  await removeQuietly(old);
}

/** Flushes the names in a folder. Windows and some network file systems do not support it. */
export async function flushFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync().catch(ignoring('EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'));
  } finally {
    await folder.close();
  }
}

export const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException | undefined)?.code;

/** For `catch`: ignores errors with these codes. */
export const ignoring =
  (...codes: string[]) =>
  (error: unknown): undefined => {
    if (!codes.includes(codeOf(error) ?? '')) throw error;
  };

const ROOM = 'Free some space and try again; resume a run with `thaw resume`';
const REASONS: Readonly<Record<string, [what: string, hint: string]>> = {
  ENOSPC: ['the disk is full', ROOM],
  EDQUOT: ['the disk quota is used up', ROOM],
  EFBIG: ['the file is too large for the file system', 'Choose an --out on another file system'],
  EIO: ['the disk reports an error', 'Check the disk; then resume a run with `thaw resume`'],
  ESTALE: ['the network file system has lost the file', 'Check the connection; then resume a run with `thaw resume`'],
  EACCES: ['it is not writable', 'Change its permissions or choose another --out'],
  EPERM: ['it is not writable', 'Change its permissions or choose another --out'],
  EROFS: ['the file system is read-only', 'Choose another --out'],
  EMFILE: ['too many files are open', 'Raise the limit (ulimit -n), then resume a run with `thaw resume`'],
  ENFILE: ['too many files are open', 'Close some, then resume a run with `thaw resume`'],
  ENAMETOOLONG: ['its name is too long', 'Choose a shorter --out'],
  // Node's code if it cannot make a folder, for example on a read-only file system.
  ENOENT: ['its folder cannot be created', 'Choose another --out'],
  ENOTDIR: ['a part of its path is a file', 'Choose another --out'],
  EISDIR: ['a folder has the same name', 'Choose another --out'],
  ENOTEMPTY: ['a folder has the same name', 'Choose another --out'],
  EBUSY: ['another program has it open', 'Close that program and try again'],
  EEXIST: ['a part of its path is a file', 'Choose another --out'],
};

/** Turns a file system error that the user can fix into a ThawError, and returns other errors unchanged. */
export function writeError(error: unknown, path: string): unknown {
  const reason = error instanceof ThawError ? undefined : REASONS[codeOf(error) ?? ''];
  return reason
    ? new ThawError('run-directory', `cannot write ${path}: ${reason[0]}`, reason[1], { cause: error })
    : error;
}
