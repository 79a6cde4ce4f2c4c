import { strToU8, zip } from 'fflate';

/** A folder's files as one zip, stored as they are: weights do not get smaller. */
export function folderAsZip(
  files: Iterable<readonly [path: string, contents: Uint8Array | string]>,
  folder = 'model',
): Promise<Blob> {
  const entries = Array.from(files, ([path, contents]) => [
    `${folder}/${path}`,
    typeof contents === 'string' ? strToU8(contents) : contents,
  ]);
  return new Promise((resolve, reject) => {
    zip(Object.fromEntries(entries), { level: 0 }, (error, data) => {
      if (error) reject(error);
      else resolve(new Blob([data as Uint8Array<ArrayBuffer>], { type: 'application/zip' }));
    });
  });
}
