import { relative } from 'node:path';
import { packageFile } from '../package-files.ts';

/** Templates of the package. */
export const TEMPLATES = packageFile('templates');

/** A short path: relative to the working directory if it is inside. */
export function shownPath(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith('..') ? path : short || '.';
}

/** Quoted for a shell. */
export const quoted = (path: string): string =>
  /^[\w./@%+:=-]+$/.test(path) ? path : `'${path.replace(/'/g, "'\\''")}'`;
