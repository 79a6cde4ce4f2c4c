import { strToU8, zip } from 'fflate';
import { ThawError } from '../errors.ts';
import { fileNameProblem } from '../file-names.ts';

/**
 * A folder's files as one zip, stored uncompressed: weights do not get smaller.
 *
 * @param files by their paths within the folder, with `/`
 * @throws ThawError `bad-config` for a name that not every system can unpack
 */
export async function folderAsZip(
  files: Iterable<readonly [path: string, contents: Uint8Array | string]>,
  folder = 'model',
): Promise<Blob> {
  const entries = Array.from(files, ([path, contents]) => [
    checkedPath(`${folder}/${path}`),
    typeof contents === 'string' ? strToU8(contents) : contents,
  ]);
  return new Promise((resolve, reject) => {
    zip(Object.fromEntries(entries), { level: 0 }, (error, data) => {
      if (error) reject(error);
      else resolve(new Blob([data as Uint8Array<ArrayBuffer>], { type: 'application/zip' }));
    });
  });
}

function checkedPath(path: string): string {
  for (const part of path.split('/')) {
    const problem = fileNameProblem(part);
    if (!problem) continue;
    const where = `"${path}" cannot be unpacked on every system: ${problem}`;
    throw new ThawError('bad-config', where, 'Choose another name, of letters and digits');
  }
  return path;
}
