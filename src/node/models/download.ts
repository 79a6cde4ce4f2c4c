import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { ThawError } from '../../errors.ts';
import { flushFolder, makeFolder } from '../disk/index.ts';
import { unwritable } from './cache.ts';
import { reasonOf } from './network.ts';
import { digest } from './onnx-file.ts';

/** Bytes of one file that have arrived, of how many (undefined where the server does not say). */
export interface Progress {
  readonly file: string;
  readonly received: number;
  readonly total?: number;
}

/** One file to fetch, from wherever. */
export interface Transfer {
  /** Where the finished file shall be. */
  readonly target: string;
  /** The file's name in messages. */
  readonly where: string;
  /** Names this content (a hash, an ETag): what is left of an interrupted transfer is only used for the same. */
  readonly version: string;
  /** Bytes, where known; the transfer is not whole with fewer. */
  readonly size?: number;
  /** Where known, the expected SHA-256, or Git's SHA-1 of the file as a blob. */
  readonly sha256?: string;
  readonly gitBlob?: string;
  /** More bytes than this are refused. */
  readonly limit: number;
  /** Starts the transfer at a byte; may start at 0 instead where the server can't. */
  readonly open: (from: number) => Promise<{ readonly from: number; readonly body: AsyncIterable<Uint8Array> }>;
  /** Looks into the whole file before it is taken; throws where it is not what was expected. */
  readonly check?: (path: string) => Promise<void>;
  readonly onProgress?: (progress: Progress) => void;
}

const attempts = 3;
const running = new Map<string, Promise<void>>();

/**
 * Fetches a file into its place: to a temporary name beside it, checked, then renamed, so that the target is whole or not there.
 * An interrupted transfer is taken up again, by this process or a later one. Several at once are safe: within a process they
 * share one transfer, and each process has a file of its own.
 * @throws ThawError `network` (stopped, damaged, too large) or `bad-config` (the folder can't be written)
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
  // What an earlier, interrupted run has already brought.
  const there = await stat(target).catch(() => undefined);
  if (there && there.size === size && (transfer.sha256 ?? transfer.gitBlob) && !(await damageOf(transfer, target)))
    return;
  const folder = dirname(target);
  await makeFolder(folder).catch((error) => {
    throw unwritable(folder, error.cause ?? error);
  });
  const part = await claimPart(transfer);
  try {
    for (let attempt = 1; ; attempt++) {
      const resumed = await receiveAll(transfer, part);
      const damage = await damageOf(transfer, part);
      if (!damage) break;
      await rm(part, { force: true });
      // What was taken up again may have been the culprit; a file that came in one piece would come the same again.
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

/** Receives until the file has its size, over several connections if need be. True where earlier bytes were used. */
async function receiveAll(transfer: Transfer, part: string): Promise<boolean> {
  const { where, size } = transfer;
  let resumed = false;
  for (let attempt = 1; ; attempt++) {
    const file = await open(part, 'a').catch((cause) => {
      throw unwritable(dirname(part), cause);
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
          'Run the command again: it goes on where it stopped',
        );
    } finally {
      await file.close();
    }
    await new Promise((resolve) => setTimeout(resolve, 200 * attempt));
  }
}

/** Writes one connection's bytes; the reason where it was cut off, undefined where it ended by itself. */
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
      throw unwritable(dirname(transfer.target), cause);
    });
    onProgress?.({ file: basename(transfer.target), received, total: size });
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
    `${where} arrived damaged: its ${sha256 ? 'SHA-256' : 'Git hash'} is ${actual}, not ${expected}`,
    'Run the command again; if it stays so, the file or the given checksum has changed',
  );
}

/*
 * Parts are named TARGET.VERSION.HOST.PID.RANDOM.part. One that has lost its owner (the process is gone, or has let go of it: PID 0)
 * is claimed by renaming it, which only one process can do.
 */
const short = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 12);
const partName = ({ target, version }: Transfer, pid: number) =>
  `${basename(target)}.${short(version)}.${short(hostname())}.${pid}.${randomUUID().slice(0, 8)}.part`;

async function claimPart(transfer: Transfer): Promise<string> {
  const folder = dirname(transfer.target);
  const part = join(folder, partName(transfer, process.pid));
  const start = `${basename(transfer.target)}.`;
  for (const file of await readdir(folder)) {
    if (!file.startsWith(start) || !file.endsWith('.part')) continue;
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

/** Leaves what has arrived to whoever comes next. */
async function abandonPart(transfer: Transfer, part: string): Promise<void> {
  await rename(part, join(dirname(part), partName(transfer, 0))).catch(() => undefined);
}

const tooLarge = (where: string, bytes: number, limit: number) =>
  new ThawError(
    'network',
    `${where} is larger than expected: ${bytes} bytes or more instead of at most ${limit}`,
    'Check the address; a model that large has to be downloaded by hand',
  );
