import { fileURLToPath } from 'node:url';

/** A file or folder of this package, by its path from the root. In `dist/node` as in `src/node`, the root is two levels up. */
export const packageFile = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
