/** Files that are whole or not there, whatever instant the process or the machine stops. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join, resolve, toNamespacedPath } from 'node:path';
import type { Parts } from '../../bytes.ts';
import { ThawError } from '../../errors.ts';

/** Bytes that are read back at a time. */
const PIECE = 2 ** 20;

/** The file that it is of, the machine, the process, and what tells several from each other. */
const LEFTOVER = /^\.(.+)\.([0-9a-f]{4})([0-9a-f]{8})[0-9a-f]{8}\.tmp$/;
const MACHINE = createHash('sha256').update(hostname()).digest('hex').slice(0, 4);

/** A name beside `path` for what is not finished. */
export const beside = (path: string): string => {
  const pid = process.pid.toString(16).padStart(8, '0');
  return join(dirname(path), `.${basename(path)}.${MACHINE}${pid}${randomBytes(4).toString('hex')}.tmp`);
};

/** Removes what processes of this machine left unfinished of a file, and that have ended. For a file in a folder without a lock. */
export async function removeAbandoned(path: string): Promise<void> {
  for (const name of await readdir(dirname(path)).catch(() => [])) {
    const [, file, machine, pid] = LEFTOVER.exec(name) ?? [];
    if (file === basename(path) && machine === MACHINE && !isRunning(Number.parseInt(pid, 16)))
      await removed(join(dirname(path), name));
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) !== 'ESRCH';
  }
}

/** Removes what a killed process left unfinished in a folder. Only for whoever holds the run's lock. */
export async function removeLeftovers(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  await Promise.all(
    names.filter((name) => LEFTOVER.test(name)).map((name) => rm(join(folder, name), { recursive: true, force: true })),
  );
}

/** What a file is to hold; parts are written one after the other. */
export type Contents = string | Parts;

const partsOf = (contents: Contents): Iterable<Uint8Array | string> =>
  typeof contents === 'string' || contents instanceof Uint8Array ? [contents] : contents;

/** Writes parts one after the other into a new file, or at the end of one, and has them on the disk when it returns. */
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

/** Whether a file holds these parts one after the other, and nothing else. It is read a piece at a time. */
export async function holds(path: string, parts: Iterable<Uint8Array>): Promise<boolean> {
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
 * Makes a folder and those that it is in; each new one's name is on the disk when it returns.
 *
 * @throws ThawError `run-directory` when the disk is full or may not be written
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    const first = await mkdir(path, { recursive: true });
    if (first === undefined) return;
    // On Windows, `mkdir` answers with a path that begins with `\\?\`.
    const above = dirname(toNamespacedPath(resolve(first)));
    for (let folder = toNamespacedPath(resolve(path)); folder !== above; ) {
      folder = dirname(folder);
      await flushFolder(folder);
    }
  } catch (error) {
    throw explained(error, path);
  }
}

/**
 * Writes a file beside its place, flushes it and moves it there.
 *
 * @param check sees the flushed file before it takes its place; what it throws leaves the old file as it was
 * @throws ThawError `run-directory` when the disk is full or may not be written
 */
export async function writeAtomically(
  path: string,
  contents: Contents,
  check?: (path: string) => Promise<void>,
): Promise<void> {
  const unfinished = beside(path);
  try {
    await makeFolder(dirname(path));
    await writeFlushed(unfinished, partsOf(contents));
    await check?.(unfinished);
    await rename(unfinished, path);
    await flushFolder(dirname(path));
  } catch (error) {
    await removed(unfinished);
    throw explained(error, path);
  }
}

/**
 * Adds to a file's end and flushes it; a kill may leave a part of it.
 *
 * @throws ThawError `run-directory` when the disk is full or may not be written
 */
export async function appendFlushed(path: string, contents: Uint8Array | string): Promise<void> {
  await writeFlushed(path, [contents], 'a').catch((error) => {
    throw explained(error, path);
  });
}

/** What a failed write leaves, as far as it can be removed: why the write failed is what counts. */
export const removed = (path: string): Promise<void> =>
  rm(path, { recursive: true, force: true }).catch(() => undefined);

/**
 * Writes a folder's files beside it and puts it in place of the old one. For an instant neither is there.
 *
 * @throws ThawError `run-directory` when the disk is full or may not be written; the old folder is then as it was
 */
export async function replaceFolder(path: string, files: ReadonlyMap<string, Contents>): Promise<void> {
  const [fresh, old] = [beside(path), beside(path)];
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
    await removed(fresh);
    throw explained(error, path);
  }
  await removed(old);
}

/** A name is on the disk once its folder is. Windows has no such call and needs none; nor have some file systems of networks. */
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

/** For `catch`: swallows errors of these codes only. */
export const ignoring =
  (...codes: string[]) =>
  (error: unknown): undefined => {
    if (!codes.includes(codeOf(error) ?? '')) throw error;
  };

const ROOM = 'Make room and try again; a run goes on with `thaw resume`';
const REASONS: Readonly<Record<string, [what: string, hint: string]>> = {
  ENOSPC: ['the disk is full', ROOM],
  EDQUOT: ['the disk quota is used up', ROOM],
  EFBIG: ['the file system does not take a file so large', 'Choose an --out on another one'],
  EIO: ['the disk reports an error', 'Check the disk; where it is well again, a run goes on with `thaw resume`'],
  ESTALE: ['the network file system has lost it', 'Check the connection; a run goes on with `thaw resume`'],
  EACCES: ['it may not be written', 'Change its permissions or choose another --out'],
  EPERM: ['it may not be written', 'Change its permissions or choose another --out'],
  EROFS: ['it is on a file system that is read only', 'Choose another --out'],
  EMFILE: ['too many files are open', 'Raise the limit (ulimit -n); a run goes on with `thaw resume`'],
  ENFILE: ['too many files are open', 'Close some; a run goes on with `thaw resume`'],
  ENAMETOOLONG: ['its name is too long', 'Choose a shorter --out'],
  // What Node says of a folder that cannot be made, such as on a file system that is read only.
  ENOENT: ['its folder cannot be made', 'Choose another --out'],
  ENOTDIR: ['a part of its path is a file', 'Choose another --out'],
  EISDIR: ['a folder has its name', 'Choose another --out'],
  ENOTEMPTY: ['a folder has its name', 'Choose another --out'],
  EBUSY: ['another program has it open', 'Close that one and try again'],
  EEXIST: ['a part of its path is a file', 'Choose another --out'],
};

/** A file system's error as the user can mend it; any other error as it is. */
export function explained(error: unknown, path: string): unknown {
  const reason = error instanceof ThawError ? undefined : REASONS[codeOf(error) ?? ''];
  return reason
    ? new ThawError('run-directory', `cannot write ${path}: ${reason[0]}`, reason[1], { cause: error })
    : error;
}
