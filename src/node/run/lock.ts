import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { link, mkdir, rm, rmdir, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { ThawError } from '../../errors.ts';
import {
  codeOf,
  ignoring,
  readTextIfThere,
  removeQuietly,
  temporaryName,
  writeError,
  writeFlushed,
} from '../disk/index.ts';

const LOCK = '.lock';
/** A process that removes the lock of a dead owner holds this folder meanwhile. */
const TAKEOVER = '.lock.takeover';
/** A takeover takes milliseconds. An older one belongs to a dead process. */
const TAKEOVER_MS = 5_000;

export const isLockFile = (name: string): boolean => name.startsWith(LOCK);

/** Whether this process's lock is still in the folder. If not, the folder was deleted or moved. */
export const holdsLock = (folder: string): boolean => existsSync(join(folder, LOCK));

/** Process ids have at most 31 bits. */
const MOST_PROCESSES = 2 ** 31 - 1;

const ownerSchema = z.object({
  pid: z.number().int().positive().max(MOST_PROCESSES),
  host: z.string(),
  /** Start time of the process, in the system's units. It distinguishes processes with the same id. */
  began: z.string().nullable(),
  /** Boot id of the system, if it has one. */
  boot: z.string().nullable().default(null),
  token: z.string(),
});
type Owner = z.output<typeof ownerSchema>;

/**
 * Takes a directory's lock: a file with the owner's process and host, created atomically (written to a temporary file, then linked).
 * Replaces the lock of a dead process of this host.
 *
 * @param options `again` also replaces a lock of this process, such as that of an ended thread
 * @returns a function that releases the lock
 * @throws ThawError `run-directory` if another process has it
 */
export async function takeLock(
  folder: string,
  { again = false }: { readonly again?: boolean } = {},
): Promise<() => Promise<void>> {
  const path = join(folder, LOCK);
  const owner: Owner = {
    pid: process.pid,
    host: hostname(),
    began: beganOf(process.pid),
    boot: bootOf(),
    token: randomUUID(),
  };
  // Long enough for the takeover of a process that died in its midst to count as old.
  const patience = performance.now() + 2 * TAKEOVER_MS;
  while (performance.now() < patience) {
    if (await tryToCreate(path, owner)) return () => releaseLock(path, owner);
    const other = await readOwner(path);
    if (other === 'gone') continue;
    if (other !== 'damaged' && isAlive(other) && !(again && isOwn(other, owner))) throw held(folder, other);
    if (!(await removeStale(folder, other))) await sleep(20);
  }
  throw new ThawError('run-directory', `cannot lock ${folder}`, `Remove ${path} and try again`);
}

const isOwn = (other: Owner, { pid, host, began }: Owner): boolean =>
  other.pid === pid && other.host === host && other.began === began;

async function tryToCreate(path: string, owner: Owner): Promise<boolean> {
  const unfinished = temporaryName(path);
  const contents = `${JSON.stringify(owner)}\n`;
  try {
    await writeFlushed(unfinished, [contents]);
    await link(unfinished, path);
    return true;
  } catch (error) {
    // The lock is taken, or its new owner has removed our temporary file.
    if (
      codeOf(error) === 'EEXIST' ||
      ((error as NodeJS.ErrnoException).syscall === 'link' && codeOf(error) === 'ENOENT')
    )
      return false;
    // Without hard links, the file is briefly visible before it has its contents.
    if (['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(codeOf(error) ?? '')) {
      return writeFlushed(path, [contents]).then(
        () => true,
        (e) => ignoring('EEXIST')(e) ?? false,
      );
    }
    throw writeError(error, path);
  } finally {
    await removeQuietly(unfinished);
  }
}

async function readOwner(path: string): Promise<Owner | 'gone' | 'damaged'> {
  const text = await readTextIfThere(path, { hint: 'Remove it if no training runs there' });
  if (text === undefined) return 'gone';
  try {
    return ownerSchema.parse(JSON.parse(text));
  } catch {
    return 'damaged';
  }
}

/** Removes a stale lock if it has not changed. Only one process at a time. @returns false if another process is doing it */
async function removeStale(folder: string, seen: Owner | 'damaged'): Promise<boolean> {
  const guard = join(folder, TAKEOVER);
  try {
    await mkdir(guard);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw writeError(error, guard);
    const found = await stat(guard).catch(ignoring('ENOENT'));
    // Someone may have put a file there.
    if (found && Date.now() - found.mtimeMs > TAKEOVER_MS) await removeQuietly(guard);
    return false;
  }
  try {
    const path = join(folder, LOCK);
    const now = await readOwner(path);
    const same =
      now === 'damaged' ? seen === 'damaged' : now !== 'gone' && seen !== 'damaged' && now.token === seen.token;
    // Without hard links, a damaged lock can be one that is being written.
    if (now === 'damaged' && Date.now() - (await stat(path)).mtimeMs < TAKEOVER_MS) return false;
    if (same) await rm(path, { force: true });
    return true;
  } finally {
    await rmdir(guard).catch(ignoring('ENOENT'));
  }
}

/** Releases the lock. Ignores errors: the lock of an ended process is removed later, and an earlier error matters more. */
async function releaseLock(path: string, { token }: Owner): Promise<void> {
  const now = await readOwner(path).catch(() => 'gone');
  if (typeof now === 'object' && now.token === token) await removeQuietly(path);
}

/** Whether the owner may still run. True for other hosts, because this one cannot know. */
function isAlive({ pid, host, began, boot }: Owner): boolean {
  if (host !== hostname()) return true;
  const now = bootOf();
  if (boot !== null && now !== null && boot !== now) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return false;
  }
  // A zombie has ended. In a container without an init process, its exit status may never be read.
  if (statusOf(pid)[0] === 'Z') return false;
  const found = beganOf(pid);
  return began === null || found === null || began === found;
}

/** Boot id, see random(4); null on other systems. */
function bootOf(): string | null {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return null;
  }
}

const beganOf = (pid: number): string | null => statusOf(pid)[19] ?? null;

/** Fields of `/proc/<pid>/stat` from field 3 (state), after the name in parentheses (proc(5)). Empty on other systems. */
function statusOf(pid: number): string[] {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return line.slice(line.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}

function held(folder: string, { pid, host }: Owner): ThawError {
  const here = host === hostname();
  return new ThawError(
    'run-directory',
    `process ${pid}${here ? '' : ` on ${host}`} is using ${folder}`,
    here
      ? 'Wait for it, or choose another --out'
      : `Wait for it, or remove ${join(folder, LOCK)} if it no longer runs, or choose another --out`,
  );
}
