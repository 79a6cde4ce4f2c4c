import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { link, mkdir, rm, rmdir, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { ThawError } from '../../errors.ts';
import { beside, codeOf, explained, ignoring, readTextIfThere, removed, writeFlushed } from '../disk/index.ts';

const LOCK = '.lock';
/** Whoever removes a dead owner's lock holds this folder while it does. */
const TAKEOVER = '.lock.takeover';
/** A takeover lasts milliseconds; one that is this old died. */
const TAKEOVER_MS = 5_000;

export const isLockFile = (name: string): boolean => name.startsWith(LOCK);

/** Whether a folder still has the lock that this process took; without it, the folder was deleted or moved. */
export const holdsLock = (folder: string): boolean => existsSync(join(folder, LOCK));

/** A process number has 31 bits at most. */
const MOST_PROCESSES = 2 ** 31 - 1;

const ownerSchema = z.object({
  pid: z.number().int().positive().max(MOST_PROCESSES),
  host: z.string(),
  /** When the process began, in the system's own count; tells it from a later one of the same number. */
  began: z.string().nullable(),
  /** Which start of the system it is of, where that has a name. */
  boot: z.string().nullable().default(null),
  token: z.string(),
});
type Owner = z.output<typeof ownerSchema>;

/**
 * Takes a directory's lock: a file with the owner's process and host that comes into being whole (written beside, then linked).
 * The lock of a process of this host that is gone is taken over.
 *
 * @param options `again`: also a lock of this very process, such as that of a thread that was ended, is taken over
 * @returns gives the lock back
 * @throws ThawError `run-directory` when another process has it
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
  for (let attempt = 0; attempt < 100; attempt++) {
    if (await place(path, owner)) return () => giveBack(path, owner);
    const other = await readOwner(path);
    if (other === 'gone') continue;
    if (other !== 'damaged' && isAlive(other) && !(again && isOwn(other, owner))) throw held(folder, other);
    if (!(await removeStale(folder, other))) await sleep(20);
  }
  throw new ThawError('run-directory', `the lock of ${folder} cannot be taken`, `Remove ${path} and try again`);
}

const isOwn = (other: Owner, { pid, host, began }: Owner): boolean =>
  other.pid === pid && other.host === host && other.began === began;

async function place(path: string, owner: Owner): Promise<boolean> {
  const unfinished = beside(path);
  const contents = `${JSON.stringify(owner)}\n`;
  try {
    await writeFlushed(unfinished, [contents]);
    await link(unfinished, path);
    return true;
  } catch (error) {
    // Taken; or the new owner has tidied up and removed our unfinished file.
    if (
      codeOf(error) === 'EEXIST' ||
      ((error as NodeJS.ErrnoException).syscall === 'link' && codeOf(error) === 'ENOENT')
    )
      return false;
    // A file system without hard links: the file may be seen before it is filled, for an instant.
    if (['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(codeOf(error) ?? '')) {
      return writeFlushed(path, [contents]).then(
        () => true,
        (e) => ignoring('EEXIST')(e) ?? false,
      );
    }
    throw explained(error, path);
  } finally {
    await removed(unfinished);
  }
}

async function readOwner(path: string): Promise<Owner | 'gone' | 'damaged'> {
  const text = await readTextIfThere(path, { hint: 'Remove it if nothing trains there' });
  if (text === undefined) return 'gone';
  try {
    return ownerSchema.parse(JSON.parse(text));
  } catch {
    return 'damaged';
  }
}

/** Removes a stale lock, if it is still the one seen; one process at a time. @returns false when another one is at it */
async function removeStale(folder: string, seen: Owner | 'damaged'): Promise<boolean> {
  const guard = join(folder, TAKEOVER);
  try {
    await mkdir(guard);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw explained(error, guard);
    const found = await stat(guard).catch(ignoring('ENOENT'));
    // Anybody may have put a file there.
    if (found && Date.now() - found.mtimeMs > TAKEOVER_MS) await removed(guard);
    return false;
  }
  try {
    const path = join(folder, LOCK);
    const now = await readOwner(path);
    const same =
      now === 'damaged' ? seen === 'damaged' : now !== 'gone' && seen !== 'damaged' && now.token === seen.token;
    // One that is damaged may be being written where links do not exist.
    if (now === 'damaged' && Date.now() - (await stat(path)).mtimeMs < TAKEOVER_MS) return false;
    if (same) await rm(path, { force: true });
    return true;
  } finally {
    await rmdir(guard).catch(ignoring('ENOENT'));
  }
}

/** One that cannot be removed is a dead process's soon: what went wrong before it is what counts. */
async function giveBack(path: string, { token }: Owner): Promise<void> {
  const now = await readOwner(path).catch(() => 'gone');
  if (typeof now === 'object' && now.token === token) await removed(path);
}

/** Whether the owner may still run: of another host nobody can tell, so it is taken to. */
function isAlive({ pid, host, began, boot }: Owner): boolean {
  if (host !== hostname()) return true;
  const now = bootOf();
  if (boot !== null && now !== null && boot !== now) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return false;
  }
  // A zombie has ended; in a container without an init process nobody may ever ask for its exit status.
  if (statusOf(pid)[0] === 'Z') return false;
  const found = beganOf(pid);
  return began === null || found === null || began === found;
}

/** random(4); null on other systems. */
function bootOf(): string | null {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return null;
  }
}

const beganOf = (pid: number): string | null => statusOf(pid)[19] ?? null;

/** Fields 3 (state) to 22 (begin) and on of `/proc/<pid>/stat` (proc(5)), after the name in parentheses; none on other systems. */
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
    `process ${pid}${here ? '' : ` on ${host}`} is at work in ${folder}`,
    here
      ? 'Wait for it, or choose another --out'
      : `Wait for it, or remove ${join(folder, LOCK)} if it no longer runs, or choose another --out`,
  );
}
