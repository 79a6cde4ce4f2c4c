/** Lists samples without labels one after the other: images and frames of videos, or texts. */
import { readFile, stat } from 'node:fs/promises';
import { isAbsolute, relative, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { ThawError } from '../../errors.ts';
import { byCodeUnits } from '../split.ts';
import type { DataProblem } from '../types.ts';
import type { RawImage } from './decode.ts';
import { walkFiles } from './listing.ts';
import { cell } from './rows.ts';
import { readImageOrPaths, readLines } from './standard-input.ts';
import { TABLE, tableRows } from './texts.ts';
import { isVideo, videoFrames } from './video.ts';
import { watchFiles } from './watching.ts';

/** A sample to predict. */
export interface Unlabelled {
  /** A path in the form of the argument, absolute or relative; `-` for standard input. For a text, its location. */
  readonly file: string;
  readonly text?: string;
  /** The image, if it is not the file itself. */
  readonly image?: Uint8Array | RawImage;
  /** Seconds from the start of a video. */
  readonly time?: number;
}

export interface UnlabelledOptions {
  /** What `-` reads. */
  readonly input: Readable;
  /** Frames to take of each second of a video. */
  readonly fps: number;
  /** Continues with new files of the folders until `signal`. */
  readonly watch: boolean;
  /** Absolute paths of files that are not samples. */
  readonly except: readonly string[];
  readonly signal?: AbortSignal;
}

/** Stands for standard input. */
export const STANDARD_INPUT = '-';

/** The path of a file as the user wrote its folder. */
const shown = (path: string, word: string): string => (isAbsolute(word) ? path : relative(process.cwd(), path));

/**
 * Images: files, folders with their subfolders, globs, and standard input, which is one image or a list of paths. Of videos, their frames.
 *
 * @throws ThawError `not-found` for a missing file, before the first image; the reason of `signal`
 */
export async function* unlabelledImages(
  given: readonly string[],
  options: UnlabelledOptions,
): AsyncGenerator<Unlabelled | DataProblem> {
  const except = new Set(options.except);
  const places: { readonly word: string; readonly files: AsyncIterable<string> | Iterable<string> }[] = [];
  for (const word of given) places.push({ word, files: await filesOf(word, options) });
  for (const { word, files } of options.watch ? [watched(given, options)] : places) {
    if (word === STANDARD_INPUT) yield* fromStandardInput(options);
    else for await (const path of files) if (!except.has(path)) yield* imagesOf(path, shown(path, word), options);
  }
}

/** @throws ThawError `not-found` if there is no such file */
async function filesOf(word: string, { watch }: UnlabelledOptions): Promise<AsyncIterable<string> | Iterable<string>> {
  const kind = word === STANDARD_INPUT ? undefined : await stat(word).catch(() => undefined);
  if (watch && !kind?.isDirectory())
    throw new ThawError('bad-config', `${word} is not a folder to watch`, 'Give folders with --watch');
  if (word === STANDARD_INPUT) return [];
  if (kind) return kind.isDirectory() ? walkFiles(resolve(word)) : [resolve(word)];
  const found = await expanded(word);
  if (found?.length) return found;
  throw found
    ? new ThawError('not-found', `no file matches ${word}`, 'Check the pattern: ** stands for any folders')
    : new ThawError('not-found', `${word} does not exist`, 'Give images or folders of images');
}

const watched = (given: readonly string[], { signal }: UnlabelledOptions) => ({
  word: given[0],
  files: watchFiles(
    given.map((word) => resolve(word)),
    signal,
  ),
});

/** The files that match a glob, sorted; of folders, all files inside. Undefined if it is not a glob. */
async function expanded(word: string): Promise<string[] | undefined> {
  const { glob, isDynamicPattern } = await import('tinyglobby');
  // On Windows, the shell expands no globs, and \ is not an escape.
  const pattern = process.platform === 'win32' ? word.replaceAll('\\', '/') : word;
  if (!isDynamicPattern(pattern)) return undefined;
  const found = await glob(pattern, { absolute: true, onlyFiles: false, expandDirectories: false });
  const files = new Set<string>();
  for (const path of found) {
    if (!path.endsWith('/')) files.add(resolve(path));
    else for await (const file of walkFiles(resolve(path))) files.add(file);
  }
  return [...files].sort(byCodeUnits);
}

async function* fromStandardInput(options: UnlabelledOptions): AsyncGenerator<Unlabelled | DataProblem> {
  const found = await readImageOrPaths(options.input, options);
  if ('image' in found) yield { file: STANDARD_INPUT, image: found.image };
  else for await (const path of found.paths) if (path !== '') yield* imagesOf(resolve(path), path, options);
}

/** The file itself, or the frames of a video. */
async function* imagesOf(
  path: string,
  file: string,
  { fps, signal }: UnlabelledOptions,
): AsyncGenerator<Unlabelled | DataProblem> {
  if (!isVideo(path)) yield { file };
  else
    try {
      for await (const frame of videoFrames(path, { fps, signal })) yield { file, ...frame };
    } catch (error) {
      if (!(error instanceof ThawError)) throw error;
      yield { file, reason: error.line };
    }
}

/** A text that could be meant as a path: one line that ends like a file name, or a word that begins like a path. */
const looksLikePath = (text: string): boolean =>
  text.length < 256 &&
  (/^.*\.(txt|csv|tsv|jsonl?|ndjson|md)$/i.test(text) || /^(\.{0,2}\/|~\/|[a-z]:\\|\.\\)\S*$/i.test(text));

/**
 * Texts: the arguments themselves, `.txt` files, the `text` column of tables, folders and globs of these, and the lines of standard input.
 *
 * @param only whether all are texts, even if there are files with these names
 * @throws ThawError `not-found` if a text looks like the path of a missing file; `bad-data` for a table without texts
 */
export async function* unlabelledTexts(
  given: readonly string[],
  { only = false, input, signal }: { readonly only?: boolean } & Pick<UnlabelledOptions, 'input' | 'signal'>,
): AsyncGenerator<Unlabelled | DataProblem> {
  const places: { readonly word: string; readonly files?: AsyncIterable<string> | Iterable<string> }[] = [];
  for (const word of given)
    places.push({ word, files: only || word === STANDARD_INPUT ? undefined : await textFiles(word) });
  for (const [i, { word, files }] of places.entries()) {
    if (files) for await (const file of files) yield* textsIn(file);
    else if (word === STANDARD_INPUT && !only) yield* textLines(input, signal);
    else yield textOrProblem(`argument ${i + 1}`, word);
  }
}

const textOrProblem = (file: string, text: string): Unlabelled | DataProblem =>
  text.trim() ? { file, text } : { file, reason: 'no text' };

async function* textLines(input: Readable, signal?: AbortSignal): AsyncGenerator<Unlabelled> {
  let line = 0;
  for await (const text of readLines(input, { signal })) {
    line++;
    if (text.trim()) yield { file: `${STANDARD_INPUT}:${line}`, text };
  }
}

/** The files of a path or a glob; undefined for a text. */
async function textFiles(word: string): Promise<AsyncIterable<string> | Iterable<string> | undefined> {
  const kind = await stat(word).catch(() => undefined);
  if (kind) return kind.isDirectory() ? walkFiles(resolve(word)) : [resolve(word)];
  if (!looksLikePath(word)) return undefined;
  const found = await expanded(word);
  if (found?.length) return found;
  throw new ThawError(
    'not-found',
    `${word} may be a file or a text, and no such file exists`,
    'For a file, check the path. For a text, add --texts (in the library, texts: true)',
  );
}

async function* textsIn(file: string): AsyncGenerator<Unlabelled | DataProblem> {
  if (TABLE.test(file)) {
    for (const { line, row } of await tableRows(file, ['text']))
      yield textOrProblem(`${file}:${line}`, cell(row, 'text'));
  } else if (/\.txt$/i.test(file)) yield textOrProblem(file, await readFile(file, 'utf8'));
  else yield { file, reason: 'neither .txt nor a table' };
}
