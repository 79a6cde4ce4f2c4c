/**
 * A checkpoint is one safetensors file that can tell whether it is whole: its metadata holds the SHA-256 of the file itself, taken
 * with zeros in the digest's place.
 */
import { createHash } from 'node:crypto';
import { link, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ThawError } from '../errors.ts';
import { type Checkpoint, readCheckpoint, writeCheckpoint } from '../training/index.ts';
import { beside, codeOf, ignoring, writeAtomically } from './atomic.ts';
import { identitySchema, type RunIdentity } from './identity.ts';

export type CheckpointKind = 'last' | 'best';

export interface LoadedCheckpoint extends Checkpoint {
  readonly identity: RunIdentity;
  /** One line for the user, where the newest file is damaged and this is the one before it. */
  readonly notice?: string;
}

const FILE = 'checkpoint.safetensors';
const PREVIOUS = 'previous.safetensors';
const BLANK = '0'.repeat(64);

export function encodeCheckpoint(checkpoint: Checkpoint, identity: RunIdentity): Uint8Array {
  const bytes = writeCheckpoint(checkpoint, { sha256: BLANK, identity: JSON.stringify(identity) });
  bytes.set(new TextEncoder().encode(digestOf(bytes)), digestPlace(bytes));
  return bytes;
}

/** @throws ThawError `run-directory` where a single bit of it is not as it was written */
export function decodeCheckpoint(bytes: Uint8Array): Checkpoint & { readonly identity: RunIdentity } {
  const at = digestPlace(bytes);
  const stated = at < 0 ? '' : new TextDecoder('latin1').decode(bytes.subarray(at, at + BLANK.length));
  if (at < 0 || stated !== digestOf(bytes)) throw damaged('its checksum does not match');
  const { metadata, ...checkpoint } = readCheckpoint(bytes);
  return { ...checkpoint, identity: identitySchema.parse(JSON.parse(metadata.identity)) };
}

const damaged = (why: string) =>
  new ThawError('run-directory', `the checkpoint is damaged: ${why}`, 'Start a new run with `thaw train`');

/** Where the digest's hexadecimal digits begin. The header is JSON, so that this key can stand nowhere else in it unescaped. */
function digestPlace(bytes: Uint8Array): number {
  if (bytes.length < 8) return -1;
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true));
  const header = Buffer.from(bytes.buffer, bytes.byteOffset + 8, Math.min(length, bytes.length - 8));
  const key = '"sha256":"';
  const at = header.indexOf(key);
  return at < 0 ? -1 : 8 + at + key.length;
}

function digestOf(bytes: Uint8Array): string {
  const at = digestPlace(bytes);
  return createHash('sha256')
    .update(bytes.subarray(0, at))
    .update(BLANK)
    .update(bytes.subarray(at + BLANK.length))
    .digest('hex');
}

/**
 * Writes `folder/checkpoint.safetensors`; the one before it stays as `previous.safetensors`. At every instant the first of the
 * two that is there is whole: the new file is flushed and read back before it takes its place.
 */
export async function saveCheckpoint(folder: string, checkpoint: Checkpoint, identity: RunIdentity): Promise<void> {
  const path = join(folder, FILE);
  await writeAtomically(path, encodeCheckpoint(checkpoint, identity), async (written) => {
    decodeCheckpoint(await readFile(written));
    await keepPrevious(path, join(folder, PREVIOUS));
  });
}

async function keepPrevious(path: string, previous: string): Promise<void> {
  const second = beside(previous);
  try {
    await link(path, second);
    await rename(second, previous);
  } catch (error) {
    await rm(second, { force: true });
    if (codeOf(error) === 'ENOENT') return;
    // Without hard links the previous one is moved; a kill right here leaves it alone, and whole.
    await rename(path, previous);
  }
}

/**
 * Reads the newest whole checkpoint of a folder.
 *
 * @throws ThawError `run-directory` where there is none
 */
export async function loadCheckpoint(folder: string): Promise<LoadedCheckpoint> {
  const problems: string[] = [];
  for (const file of [FILE, PREVIOUS]) {
    const path = join(folder, file);
    const bytes = await readFile(path).catch(ignoring('ENOENT'));
    if (!bytes) continue;
    try {
      const loaded = decodeCheckpoint(bytes);
      if (problems.length === 0) return loaded;
      return {
        ...loaded,
        notice: `${problems[0]}; going on from the one before it, after step ${loaded.progress.step}`,
      };
    } catch (error) {
      problems.push(`${path}: ${(error as Error).message}`);
    }
  }
  throw problems.length
    ? new ThawError('run-directory', problems.join('; '), 'Start a new run with `thaw train`')
    : new ThawError(
        'run-directory',
        `there is no checkpoint in ${dirname(join(folder, FILE))}`,
        'The run stopped before its first one: start it again with `thaw train`',
      );
}
