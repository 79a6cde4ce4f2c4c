import type { ProjectStore } from '../remote/index.ts';

const FOLDER = 'thaw';

/** Projects in the origin's private file system. A file is written beside and swapped in when it is whole, which the browser does. */
export function privateStore(): ProjectStore {
  const root = async () => (await navigator.storage.getDirectory()).getDirectoryHandle(FOLDER, { create: true });
  const folderOf = async (project: string, path: readonly string[], create: boolean) => {
    let folder = await (await root()).getDirectoryHandle(encodeURIComponent(project), { create });
    for (const name of path) folder = await folder.getDirectoryHandle(name, { create });
    return folder;
  };
  const split = (file: string) => {
    const parts = file.split('/');
    return { folders: parts.slice(0, -1), name: parts.at(-1)! };
  };
  return {
    async projects() {
      const names: string[] = [];
      for await (const name of (await root()).keys()) names.push(decodeURIComponent(name));
      return names.sort();
    },
    async read(project, file) {
      const { folders, name } = split(file);
      try {
        return await (await (await folderOf(project, folders, false)).getFileHandle(name)).getFile();
      } catch (error) {
        if ((error as Error).name === 'NotFoundError') return undefined;
        throw error;
      }
    },
    async write(project, file, contents) {
      const { folders, name } = split(file);
      const handle = await (await folderOf(project, folders, true)).getFileHandle(name, { create: true });
      const writable = await handle.createWritable();
      await writable.write(contents as Blob | Uint8Array<ArrayBuffer>);
      await writable.close();
    },
    async remove(project) {
      await (await root()).removeEntry(encodeURIComponent(project), { recursive: true }).catch((error: Error) => {
        if (error.name !== 'NotFoundError') throw error;
      });
    },
  };
}
