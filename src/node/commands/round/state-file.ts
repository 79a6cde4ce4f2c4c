import { readFile, stat } from 'node:fs/promises';
import { ThawError } from '../../../errors.ts';

/** Upper limit, larger than any state that Thaw writes. */
const MOST = 2 ** 31 - 1;

/**
 * Reads the file of a state.
 *
 * @throws ThawError `not-found` if there is no readable file, `bad-data` if it is too large
 */
export async function readStateFile(path: string): Promise<Uint8Array> {
  const found = await stat(path).catch(() => undefined);
  if (!found) throw new ThawError('not-found', `state ${path} does not exist`, 'Check the path');
  // A pipe or a device could be endless.
  if (!found.isFile())
    throw new ThawError('not-found', `${path} is not a file`, 'Give the safetensors file of a state');
  if (found.size > MOST)
    throw new ThawError(
      'bad-data',
      `${path} has ${found.size} bytes and is too large for a state`,
      'Give the file of a state',
    );
  return readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new ThawError('not-found', `${path} cannot be read (${cause.code})`, 'Check its permissions', { cause });
  });
}
