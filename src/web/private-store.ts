import { ThawError } from '../errors.ts';
import type { ProjectStore } from '../worker/index.ts';

const FOLDER = 'thaw';
/** A worker that was ended gives its locks back within milliseconds. */
const PATIENCE = 2000;

/** Projects in the origin's private file system. The browser writes a new file and swaps it in when it is whole. */
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
  const projects = async () => {
    const names: string[] = [];
    for await (const name of (await root()).keys()) names.push(decodeURIComponent(name));
    return names.sort();
  };
  return {
    projects,
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
      try {
        const handle = await (await folderOf(project, folders, true)).getFileHandle(name, { create: true });
        const writable = await handle.createWritable();
        await writable.write(contents as Blob | Uint8Array<ArrayBuffer>);
        await writable.close();
      } catch (error) {
        if ((error as Error).name !== 'QuotaExceededError') throw error;
        throw full(project, await projects().catch(() => []), error);
      }
    },
    async remove(project) {
      await (await root()).removeEntry(encodeURIComponent(project), { recursive: true }).catch((error: Error) => {
        if (error.name !== 'NotFoundError') throw error;
      });
    },
    lock: (project) => lockOf(`thaw-project ${project}`, project),
  };
}

function full(project: string, projects: readonly string[], cause: unknown): ThawError {
  const others = projects.filter((name) => name !== project);
  const deletable = others.length ? `: forget(name) deletes one of ${others.join(', ')}` : '';
  return new ThawError(
    'storage',
    `the browser's storage for this site is full, so the project "${project}" is no longer kept`,
    `The training continues; finish it and download the model. Make room for the next time${deletable}`,
    { cause },
  );
}

/** Holds a lock of the origin until it is given back, or the worker ends. */
function lockOf(lock: string, project: string): Promise<() => void> {
  if (!navigator.locks) return Promise.resolve(() => {});
  return new Promise((resolve, reject) => {
    const held = () => new Promise<void>((release) => resolve(() => release()));
    navigator.locks.request(lock, { signal: AbortSignal.timeout(PATIENCE) }, held).catch((cause) => {
      reject(
        new ThawError(
          'storage',
          `the project "${project}" is open in another tab`,
          'Close it there, or choose another name',
          { cause },
        ),
      );
    });
  });
}
