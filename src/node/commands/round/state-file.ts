import { readFile, stat } from 'node:fs/promises';
import { ThawError } from '../../../errors.ts';

/** More than the states that one file of Thaw's can hold. */
const MOST = 2 ** 31 - 1;

/**
 * The bytes of a state's file.
 *
 * @throws ThawError `not-found` where there is none to read, `bad-data` where it is too large
 */
export async function readStateFile(path: string): Promise<Uint8Array> {
  const found = await stat(path).catch(() => undefined);
  if (!found) throw new ThawError('not-found', `there is no state ${path}`, 'Check the path');
  // A pipe or a device might never end.
  if (!found.isFile()) throw new ThawError('not-found', `${path} is no file`, 'Give the safetensors file of a state');
  if (found.size > MOST)
    throw new ThawError('bad-data', `${path} has ${found.size} bytes, more than a state`, 'Give the file of a state');
  return readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new ThawError('not-found', `${path} cannot be read (${cause.code})`, 'Check its permissions', { cause });
  });
}
