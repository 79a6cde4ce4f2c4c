import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ThawError } from '../../errors.ts';
import { fileNameProblem } from '../../file-names.ts';
import { makeFolder, writeAtomically } from '../../node/disk/index.ts';
import { takeLock } from '../../node/run/lock.ts';
import type { ProjectStore } from '../store.ts';

/** Next to the projects, because a project's own folder is removed and made again. No encoded name begins like this. */
const LOCKS = '%locks';

/** Projects as folders of a folder. */
export function folderStore(root: string): ProjectStore {
  const pathOf = (project: string, file = '') => join(root, checkedName(project), file);
  return {
    async projects() {
      const entries = await readdir(root, { withFileTypes: true }).catch(() => []);
      return entries
        .filter((entry) => entry.isDirectory() && entry.name !== LOCKS)
        .map(({ name }) => decodeURIComponent(name));
    },
    async read(project, file) {
      const contents = await readFile(pathOf(project, file)).catch(() => undefined);
      return contents && new Blob([contents]);
    },
    async write(project, file, contents) {
      const bytes = contents instanceof Blob ? new Uint8Array(await contents.arrayBuffer()) : contents;
      await writeAtomically(pathOf(project, file), bytes).catch(asStorage);
    },
    remove: (project) => rm(pathOf(project), { recursive: true, force: true }),
    async lock(project) {
      const folder = join(root, LOCKS, checkedName(project));
      await makeFolder(folder);
      return takeLock(folder, { again: true }).catch((error) => {
        throw error instanceof ThawError ? inUse(project) : error;
      });
    },
  };
}

const inUse = (project: string) =>
  new ThawError(
    'storage',
    `the project "${project}" is open in another process`,
    'Close it there, or choose another name',
  );

function asStorage(error: unknown): never {
  throw error instanceof ThawError ? new ThawError('storage', error.message, error.hint, { cause: error }) : error;
}

/** A name that is a folder's on every system and leads nowhere else. */
function checkedName(project: string): string {
  const name = encodeURIComponent(project).replaceAll('*', '%2A');
  const problem = name.length > 200 ? 'it is too long' : fileNameProblem(name);
  if (problem)
    throw new ThawError(
      'bad-config',
      `"${project}" is no name for a project: ${problem}`,
      'Use a short one with letters',
    );
  return name;
}
