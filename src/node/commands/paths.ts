import { relative } from 'node:path';
import { packageFile } from '../package-files.ts';

/** Of the package. */
export const TEMPLATES = packageFile('templates');

/** A path as short as it can be said from where the user is. */
export function shownPath(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith('..') ? path : short || '.';
}

/** As a shell reads it back. */
export const quoted = (path: string): string =>
  /^[\w./@%+:=-]+$/.test(path) ? path : `'${path.replace(/'/g, "'\\''")}'`;
