/**
 * A checkpoint is one safetensors file that can tell whether it is whole: its metadata holds the SHA-256 of the file itself, taken
 * with zeros in the digest's place.
 */
import { createHash } from 'node:crypto';
import { link, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { safetensorsParts } from '../../compiler/step/index.ts';
import { ThawError } from '../../errors.ts';
import { parseJson } from '../../json.ts';
import { type Checkpoint, checkpointFile, readCheckpoint } from '../../training/index.ts';
import { beside, codeOf, holds, readIfThere, writeAtomically } from '../disk/index.ts';
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

/** The file in parts, of which all but the first are the state's own bytes: a large state is not held a second time to be written. */
export function encodeCheckpoint(checkpoint: Checkpoint, identity: RunIdentity): Uint8Array[] {
  const parts = safetensorsParts(checkpointFile(checkpoint, { sha256: BLANK, identity: JSON.stringify(identity) }));
  const digest = createHash('sha256');
  for (const part of parts) digest.update(part);
  parts[0].set(new TextEncoder().encode(digest.digest('hex')), digestPlace(parts[0]));
  return parts;
}

/** @throws ThawError `run-directory` where a single bit of it is not as it was written, `bad-data` where it is no safetensors file */
export function decodeCheckpoint(bytes: Uint8Array): Checkpoint & { readonly identity: RunIdentity } {
  const at = digestPlace(bytes);
  const stated = at < 0 ? '' : new TextDecoder('latin1').decode(bytes.subarray(at, at + BLANK.length));
  if (at < 0 || stated !== digestOf(bytes)) throw damaged('its checksum does not match');
  const { metadata, ...checkpoint } = readCheckpoint(bytes);
  const source = { what: 'the identity of the checkpoint', hint: NEW_RUN };
  return { ...checkpoint, identity: parseJson(metadata.identity ?? '', identitySchema, source) };
}

const NEW_RUN = 'Start a new run with `thaw train`';
const damaged = (why: string) => new ThawError('run-directory', `the checkpoint is damaged: ${why}`, NEW_RUN);

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
 * Writes `folder/checkpoint.safetensors`; the one before it, if it is whole, stays as `previous.safetensors`. At every instant one of
 * the two is whole: the new file is flushed and read back before it takes its place.
 *
 * @param known whether the one before it is known to be whole
 */
export async function saveCheckpoint(
  folder: string,
  checkpoint: Checkpoint,
  identity: RunIdentity,
  known = false,
): Promise<void> {
  const path = join(folder, FILE);
  const parts = encodeCheckpoint(checkpoint, identity);
  await writeAtomically(path, parts, async (written) => {
    if (!(await holds(written, parts)))
      throw new ThawError(
        'run-directory',
        `cannot write ${path}: what is read back is not what was written`,
        'Check the disk; a run goes on with `thaw resume`',
      );
    if (known || (await isWhole(path))) await keepPrevious(path, join(folder, PREVIOUS));
  });
}

const isWhole = (path: string): Promise<boolean> =>
  readIfThere(path)
    .then((bytes) => Boolean(bytes && decodeCheckpoint(bytes)))
    .catch(() => false);

async function keepPrevious(path: string, previous: string): Promise<void> {
  const second = beside(previous);
  try {
    await link(path, second);
    await rename(second, previous);
    // Where the two are one file already, as after a kill right here, a rename does nothing (POSIX).
    await rm(second, { force: true });
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
 * @param epoch passes over those that were made after another one
 * @throws ThawError `run-directory` where there is none
 */
export async function loadCheckpoint(folder: string, epoch?: number): Promise<LoadedCheckpoint> {
  const problems: string[] = [];
  for (const file of [FILE, PREVIOUS]) {
    const path = join(folder, file);
    try {
      const bytes = await readIfThere(path);
      const loaded = bytes && decodeCheckpoint(bytes);
      if (!loaded || (epoch !== undefined && loaded.progress.epoch !== epoch)) continue;
      if (problems.length === 0) return loaded;
      const { step } = loaded.progress;
      return { ...loaded, notice: `${problems[0]}; going on from the one before it, after step ${step}` };
    } catch (error) {
      // What is wrong with the file itself names it.
      const { message } = error as Error;
      problems.push(message.startsWith(path) ? message : `${path}: ${message}`);
    }
  }
  throw problems.length
    ? new ThawError('run-directory', problems.join('; '), NEW_RUN)
    : new ThawError(
        'run-directory',
        `there is no checkpoint in ${folder}`,
        'The run stopped before its first one: start it again with `thaw train`',
      );
}
