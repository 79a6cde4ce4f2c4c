import { fileURLToPath } from 'node:url';

/** Path of a file or folder of this package. The root is two levels up, both in `src/node` and in `dist/node`. */
export const packageFile = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
