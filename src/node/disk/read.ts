/** Reads files that someone may have replaced by a folder, a pipe, or a file that is too large for memory. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { ThawError } from '../../errors.ts';
import { codeOf } from './atomic.ts';

/** Maximum bytes that Node reads at once. */
const LARGEST = 2 ** 31 - 1;
/** Maximum bytes of a text, far more than a run writes. */
const LARGEST_TEXT = 2 ** 27;

interface Reading {
  /** Maximum bytes. */
  readonly most?: number;
  /** How to fix a file of another kind. */
  readonly hint?: string;
}

/**
 * The bytes of a file; undefined if there is none.
 *
 * @throws ThawError `run-directory` if it is not a file, is too large, or cannot be read
 */
export const readIfThere = (path: string, reading: Reading = {}): Promise<Buffer | undefined> =>
  ifThere(path, reading, () => readFile(path));

/**
 * SHA-256 in hexadecimal of a file of any size; undefined if there is none.
 *
 * @throws ThawError `run-directory` if it is not a file, or cannot be read
 */
export const digestIfThere = (path: string, { hint }: Pick<Reading, 'hint'> = {}): Promise<string | undefined> =>
  ifThere(path, { most: Number.POSITIVE_INFINITY, hint }, async () => {
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 })) hash.update(chunk as Buffer);
    return hash.digest('hex');
  });

async function ifThere<T>(
  path: string,
  { most = LARGEST, hint }: Reading,
  read: () => Promise<T>,
): Promise<T | undefined> {
  const refuse = (why: string, hint: string, cause?: unknown) =>
    new ThawError('run-directory', `${path} ${why}`, hint, { cause });
  try {
    // Opening a pipe would block until someone writes to it.
    const found = await stat(path);
    if (found.isDirectory()) throw refuse('is a folder, not a file', hint ?? 'Restore the file, or remove the folder');
    if (!found.isFile()) throw refuse('is not a regular file', hint ?? 'Restore the file');
    if (found.size > most) throw refuse(`has ${found.size} bytes, more than ${most}`, hint ?? 'Restore the right file');
    return await read();
  } catch (error) {
    if (error instanceof ThawError) throw error;
    const code = codeOf(error) ?? '';
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw refuse(`cannot be read (${code})`, HINTS[code] ?? 'Check the disk, and restore the file', error);
  }
}

const HINTS: Readonly<Record<string, string>> = {
  EACCES: 'Change its permissions',
  EPERM: 'Change its permissions',
  ELOOP: 'It is a link to itself: restore the file',
};

/** The same as text in UTF-8. */
export const readTextIfThere = async (
  path: string,
  { hint }: Pick<Reading, 'hint'> = {},
): Promise<string | undefined> => (await readIfThere(path, { most: LARGEST_TEXT, hint }))?.toString('utf8');
