import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { ThawError } from '../../errors.ts';
import { flushFolder, makeFolder } from '../disk/index.ts';
import { cacheError } from './cache.ts';
import { reasonOf } from './network.ts';
import { digest } from './onnx-file.ts';

/** Progress of one file in bytes. `total` is undefined if the server does not report it. */
export interface Progress {
  readonly file: string;
  readonly received: number;
  readonly total?: number;
}

/** The download of one file from any source. */
export interface Transfer {
  /** Path of the finished file. */
  readonly target: string;
  /** The file's name in messages. */
  readonly where: string;
  /** The file's name in its progress. Default: that of the target. */
  readonly file?: string;
  /** Identifies the content (a hash, an ETag). Thaw resumes a partial download only if it is the same. */
  readonly version: string;
  /** Size in bytes, if known. A shorter download is incomplete. */
  readonly size?: number;
  /** The expected SHA-256, or the Git SHA-1 of the file as a blob, if known. */
  readonly sha256?: string;
  readonly gitBlob?: string;
  /** Maximum size in bytes. */
  readonly limit: number;
  /** Starts the transfer at a byte, or at 0 if the server does not support ranges. */
  readonly open: (from: number) => Promise<{ readonly from: number; readonly body: AsyncIterable<Uint8Array> }>;
  /** Checks the finished file. It throws if the content is wrong. */
  readonly check?: (path: string) => Promise<void>;
  readonly onProgress?: (progress: Progress) => void;
}

const attempts = 3;
const running = new Map<string, Promise<void>>();

/**
 * Downloads a file to a temporary name, checks it, and renames it, so that the target is complete or absent. This process or a later one
 * can resume a partial download. Within a process, parallel calls share one transfer; different processes use different files.
 * @throws ThawError `network` (stopped, damaged, too large) or `bad-config` (the folder is not writable)
 */
export function download(transfer: Transfer): Promise<void> {
  const { target } = transfer;
  const shared = running.get(target) ?? fetchFile(transfer).finally(() => running.delete(target));
  running.set(target, shared);
  return shared;
}

async function fetchFile(transfer: Transfer): Promise<void> {
  const { target, where, size, limit } = transfer;
  if (size !== undefined && size > limit) throw tooLarge(where, size, limit);
  // An earlier, interrupted run may have left the finished file.
  const there = await stat(target).catch(() => undefined);
  if (there && there.size === size && (transfer.sha256 ?? transfer.gitBlob) && !(await damageOf(transfer, target)))
    return;
  const folder = dirname(target);
  await makeFolder(folder).catch((error) => {
    throw cacheError(folder, error.cause ?? error);
  });
  const part = await claimPart(transfer);
  try {
    for (let attempt = 1; ; attempt++) {
      const resumed = await receiveAll(transfer, part);
      const damage = await damageOf(transfer, part);
      if (!damage) break;
      await rm(part, { force: true });
      // The resumed bytes can be wrong. A file that arrived in one piece would arrive the same again.
      if (!resumed || attempt === attempts) throw damage;
    }
    try {
      await transfer.check?.(part);
    } catch (error) {
      await rm(part, { force: true });
      throw error;
    }
    await rename(part, target);
    await flushFolder(folder);
  } catch (error) {
    await abandonPart(transfer, part);
    throw error;
  }
}

/** Downloads until the file has its full size, over several connections if needed. Returns true if it reused earlier bytes. */
async function receiveAll(transfer: Transfer, part: string): Promise<boolean> {
  const { where, size } = transfer;
  let resumed = false;
  for (let attempt = 1; ; attempt++) {
    const file = await open(part, 'a').catch((cause) => {
      throw cacheError(dirname(part), cause);
    });
    try {
      let from = (await file.stat()).size;
      if (size !== undefined && from > size) {
        await file.truncate(0);
        from = 0;
      }
      if (size !== undefined && from === size && size > 0) return true;
      resumed ||= from > 0;
      const stopped = await receive(transfer, file, from);
      const received = (await file.stat()).size;
      if (stopped === undefined && (size === undefined || received === size)) {
        await file.sync();
        return resumed;
      }
      if (attempt === attempts)
        throw new ThawError(
          'network',
          `the transfer of ${where} stopped at ${received}${size === undefined ? '' : ` of ${size}`} bytes${stopped ? `: ${stopped}` : ''}`,
          'Run the command again to resume the download',
        );
    } finally {
      await file.close();
    }
    await new Promise((resolve) => setTimeout(resolve, 200 * attempt));
  }
}

/** Writes the bytes of one connection. Returns the reason of an interruption, or undefined if the stream ended normally. */
async function receive(transfer: Transfer, file: FileHandle, offset: number): Promise<string | undefined> {
  const { where, limit, size, onProgress } = transfer;
  const { from, body } = await transfer.open(offset);
  if (from !== offset) await file.truncate(from);
  let received = from;
  const bytes = body[Symbol.asyncIterator]();
  for (;;) {
    let next: IteratorResult<Uint8Array>;
    try {
      next = await bytes.next();
    } catch (error) {
      return reasonOf(error);
    }
    if (next.done) return undefined;
    received += next.value.length;
    if (received > (size ?? limit)) {
      await bytes.return?.();
      throw tooLarge(where, received, size ?? limit);
    }
    await file.appendFile(next.value).catch((cause) => {
      throw cacheError(dirname(transfer.target), cause);
    });
    onProgress?.({ file: transfer.file ?? basename(transfer.target), received, total: size });
  }
}

async function damageOf({ where, size, sha256, gitBlob }: Transfer, part: string): Promise<ThawError | undefined> {
  const expected = sha256 ?? gitBlob;
  if (!expected) return undefined;
  const bytes = size ?? (await stat(part)).size;
  const actual = sha256 ? await digest(part) : await digest(part, 'sha1', `blob ${bytes}\0`);
  if (actual === expected) return undefined;
  return new ThawError(
    'network',
    `${where} is damaged: its ${sha256 ? 'SHA-256' : 'Git hash'} is ${actual}, not ${expected}`,
    'Run the command again; if the error persists, the file or the given checksum has changed',
  );
}

/*
 * Partial files are named TARGET.VERSION.HOST.PID.RANDOM.incomplete, so that `hf cache prune` finds those in the hub's cache. A process claims an abandoned one (its owner has ended, or has set PID 0) by
 * renaming it, which only one process can do.
 */
const short = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 12);
const partName = ({ target, version }: Transfer, pid: number) =>
  `${basename(target)}.${short(version)}.${short(hostname())}.${pid}.${randomUUID().slice(0, 8)}.incomplete`;

async function claimPart(transfer: Transfer): Promise<string> {
  const folder = dirname(transfer.target);
  const part = join(folder, partName(transfer, process.pid));
  const start = `${basename(transfer.target)}.`;
  for (const file of await readdir(folder)) {
    if (!file.startsWith(start) || !file.endsWith('.incomplete')) continue;
    const [version, host, pid] = file.slice(start.length).split('.');
    if (host !== short(hostname()) || isAlive(Number(pid))) continue;
    if (version !== short(transfer.version)) await rm(join(folder, file), { force: true });
    else if (
      await rename(join(folder, file), part).then(
        () => true,
        () => false,
      )
    )
      break;
  }
  return part;
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Leaves the partial file for the next process. */
async function abandonPart(transfer: Transfer, part: string): Promise<void> {
  await rename(part, join(dirname(part), partName(transfer, 0))).catch(() => undefined);
}

const tooLarge = (where: string, bytes: number, limit: number) =>
  new ThawError(
    'network',
    `${where} is larger than expected: ${bytes} bytes or more instead of at most ${limit}`,
    'Check the address; download a larger model yourself',
  );
