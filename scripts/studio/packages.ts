import type { Plugin } from 'vite';
import { packageFolder } from '../build/licenses.js';

/** Notes the folder of every package that a bundle has modules of. */
export const packagesOf = (folders: Set<string>): Plugin => ({
  name: 'packages-of',
  generateBundle(_, bundle) {
    for (const chunk of Object.values(bundle)) {
      if (chunk.type !== 'chunk') continue;
      for (const module of Object.keys(chunk.modules)) {
        const folder = packageFolder(module);
        if (folder) folders.add(folder);
      }
    }
  },
});
