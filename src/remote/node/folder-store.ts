import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomically } from '../../disk/index.ts';
import { ThawError } from '../../errors.ts';
import type { ProjectStore } from '../store.ts';

/** Projects as folders of a folder. */
export function folderStore(root: string): ProjectStore {
  const pathOf = (project: string, file = '') => join(root, checkedName(project), file);
  return {
    async projects() {
      const entries = await readdir(root, { withFileTypes: true }).catch(() => []);
      return entries.filter((entry) => entry.isDirectory()).map(({ name }) => decodeURIComponent(name));
    },
    async read(project, file) {
      const contents = await readFile(pathOf(project, file)).catch(() => undefined);
      return contents && new Blob([contents]);
    },
    async write(project, file, contents) {
      const bytes = contents instanceof Blob ? new Uint8Array(await contents.arrayBuffer()) : contents;
      await writeAtomically(pathOf(project, file), bytes);
    },
    remove: (project) => rm(pathOf(project), { recursive: true, force: true }),
  };
}

/** A name that is a folder's on every system and leads nowhere else. */
function checkedName(project: string): string {
  const name = encodeURIComponent(project).replaceAll('*', '%2A');
  if (/^\.*$/.test(name) || name.length > 200) {
    throw new ThawError('bad-config', `"${project}" is no name for a project`, 'Use a short one with letters');
  }
  return name;
}
