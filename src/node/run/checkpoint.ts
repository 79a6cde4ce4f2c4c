/**
 * A checkpoint is one safetensors file that can verify itself: its metadata has the SHA-256 of the file, computed with zeros in place of
 * the digest. The rows of its epochs are in a file that all checkpoints of the run share.
 */
import { createHash } from 'node:crypto';
import { rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { safetensorsParts } from '../../compiler/step/index.ts';
import { ThawError } from '../../errors.ts';
import { parseJson } from '../../json.ts';
import { type Checkpoint, checkpointFile, type EpochRow, readCheckpoint } from '../../training/index.ts';
import {
  codeOf,
  flushFolder,
  hasContents,
  linkAtomically,
  makeFolder,
  readIfThere,
  writeAtomically,
} from '../disk/index.ts';
import { identitySchema, type RunIdentity } from './identity.ts';
import { type RowsReference, readRowsOf, rowsSchema } from './row-log.ts';

export type CheckpointKind = 'last' | 'best';

export interface LoadedCheckpoint extends Checkpoint {
  readonly identity: RunIdentity;
  /** One line for the user if the newest file is damaged and this is the previous one. */
  readonly notice?: string;
}

const FILE = 'checkpoint.safetensors';
const PREVIOUS = 'previous.safetensors';
const BLANK = '0'.repeat(64);

/** What a checkpoint's file has besides the checkpoint. */
interface FileNotes {
  readonly identity: RunIdentity;
  /** Where its rows are; files of earlier versions have their own. */
  readonly rows?: RowsReference;
}

/** The file in parts. All but the first are the state's own bytes, so writing needs no second copy of a large state. */
export function encodeCheckpoint(
  checkpoint: Checkpoint,
  { identity, rows }: FileNotes & { readonly rows: RowsReference },
): Uint8Array[] {
  const notes = { sha256: BLANK, identity: JSON.stringify(identity), rows: JSON.stringify(rows) };
  const parts = safetensorsParts(checkpointFile(withRows(checkpoint, []), notes));
  const digest = createHash('sha256');
  for (const part of parts) digest.update(part);
  parts[0].set(new TextEncoder().encode(digest.digest('hex')), digestPlace(parts[0]));
  return parts;
}

/** The epoch's start has the same rows. */
const withRows = ({ progress, epochStart, ...rest }: Checkpoint, rows: readonly EpochRow[]): Checkpoint => ({
  ...rest,
  progress: { ...progress, rows },
  epochStart: epochStart && withRows(epochStart, rows),
});

/**
 * The contents of the file alone.
 *
 * @throws ThawError `run-directory` if a single bit has changed, `bad-data` if it is not a safetensors file
 */
export function decodeCheckpoint(bytes: Uint8Array): Checkpoint & FileNotes {
  const at = digestPlace(bytes);
  const stated = at < 0 ? '' : new TextDecoder('latin1').decode(bytes.subarray(at, at + BLANK.length));
  if (at < 0 || stated !== digestOf(bytes)) throw damaged('its checksum does not match');
  const { metadata, ...checkpoint } = readCheckpoint(bytes);
  const source = { what: 'the identity of the checkpoint', hint: NEW_RUN };
  const identity = parseJson(metadata.identity ?? '', identitySchema, source);
  if (metadata.rows === undefined) return { ...checkpoint, identity };
  return {
    ...checkpoint,
    identity,
    rows: parseJson(metadata.rows, rowsSchema, { ...source, what: 'the note of its rows' }),
  };
}

/** @param folder of the run's checkpoints */
async function completed(bytes: Uint8Array, folder: string): Promise<LoadedCheckpoint> {
  const { identity, rows, ...checkpoint } = decodeCheckpoint(bytes);
  return { ...(rows ? withRows(checkpoint, await readRowsOf(folder, rows)) : checkpoint), identity };
}

const NEW_RUN = 'Start a new run with `thaw train`';
const damaged = (why: string) => new ThawError('run-directory', `the checkpoint is damaged: ${why}`, NEW_RUN);

/** Position of the digest's hexadecimal digits. The header is JSON, so the unescaped key occurs only here. */
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
 * Writes `folder/checkpoint.safetensors`. The previous file, if intact, becomes `previous.safetensors`. The new file is flushed and read
 * back before the rename, so one of the two is intact at any time.
 *
 * @param known whether the previous file is known to be intact
 */
export async function saveCheckpoint(
  folder: string,
  checkpoint: Checkpoint,
  notes: FileNotes & { readonly rows: RowsReference },
  known = false,
): Promise<void> {
  const path = join(folder, FILE);
  const parts = encodeCheckpoint(checkpoint, notes);
  await writeAtomically(path, parts, async (written) => {
    if (!(await hasContents(written, parts)))
      throw new ThawError(
        'run-directory',
        `cannot write ${path}: the file differs from the written data`,
        'Check the disk, then resume the run with `thaw resume`',
      );
    await keepPrevious(folder, known);
  });
}

/**
 * Makes `folder/checkpoint.safetensors` another name of the same checkpoint's file in another folder. Like `saveCheckpoint`, it keeps the
 * previous file.
 *
 * @returns false if the file system has no hard links; then nothing is lost, and the checkpoint has to be written
 */
export async function linkCheckpoint(from: string, folder: string, known = false): Promise<boolean> {
  const path = join(folder, FILE);
  await makeFolder(folder);
  try {
    await keepPrevious(folder, known);
    await linkAtomically(join(from, FILE), path);
    await flushFolder(folder);
    return true;
  } catch {
    return false;
  }
}

const isWhole = (path: string): Promise<boolean> =>
  readIfThere(path)
    .then((bytes) => Boolean(bytes && decodeCheckpoint(bytes)))
    .catch(() => false);

/** Keeps an intact checkpoint as the previous one. @param known whether it is known to be intact */
async function keepPrevious(folder: string, known: boolean): Promise<void> {
  const [path, previous] = [join(folder, FILE), join(folder, PREVIOUS)];
  if (!known && !(await isWhole(path))) return;
  try {
    await linkAtomically(path, previous);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    // Without hard links, the file is moved. A kill at this point leaves only the previous file, which is intact.
    await rename(path, previous);
  }
}

/**
 * Reads the newest intact checkpoint of a folder.
 *
 * @param epoch skips checkpoints of other epochs
 * @throws ThawError `run-directory` if there is none
 */
export async function loadCheckpoint(folder: string, epoch?: number): Promise<LoadedCheckpoint> {
  const problems: string[] = [];
  for (const file of [FILE, PREVIOUS]) {
    const path = join(folder, file);
    try {
      const bytes = await readIfThere(path);
      const loaded = bytes && (await completed(bytes, dirname(folder)));
      if (!loaded || (epoch !== undefined && loaded.progress.epoch !== epoch)) continue;
      if (problems.length === 0) return loaded;
      const { step } = loaded.progress;
      return { ...loaded, notice: `${problems[0]}; resuming from the previous checkpoint, after step ${step}` };
    } catch (error) {
      // Some messages already start with the path.
      const { message } = error as Error;
      problems.push(message.startsWith(path) ? message : `${path}: ${message}`);
    }
  }
  throw problems.length
    ? new ThawError('run-directory', problems.join('; '), NEW_RUN)
    : new ThawError(
        'run-directory',
        `${folder} has no checkpoint`,
        'The run stopped before its first checkpoint; start it again with `thaw train`',
      );
}
