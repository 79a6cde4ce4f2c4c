/** The only ways from a page to the machine's files: each asks the user. */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type BrowserWindow, dialog, type FileFilter } from 'electron';
import { ThawError } from '../errors.ts';
import { fileNameProblem } from '../file-names.ts';
import { replaceFolder } from '../node/disk/index.ts';
import { readModelFile } from '../node/models/files.ts';
import { resolveModel } from '../node/models/index.ts';
import { writeModel } from '../onnx/index.ts';
import type { ModelFiles, PickedImage, PickedModel, PickedText, PickOptions } from './channels.ts';

/** The formats that sharp reads. */
const IMAGES = ['jpg', 'jpeg', 'png', 'webp', 'gif', 'tif', 'tiff', 'avif'];
const TEXTS = ['txt'];

/** @returns the picked images, none if the dialog was dismissed */
export async function pickImages(window: BrowserWindow, options?: PickOptions): Promise<readonly PickedImage[]> {
  const paths = await pickFiles(window, { name: 'Images', extensions: IMAGES }, options);
  return paths.map((path) => ({ path, ...placeOf(path) }));
}

/** @returns the picked texts with their contents, none if the dialog was dismissed */
export async function pickTexts(window: BrowserWindow, options?: PickOptions): Promise<readonly PickedText[]> {
  const paths = await pickFiles(window, { name: 'Texts', extensions: TEXTS }, options);
  return Promise.all(paths.map(async (path) => ({ ...placeOf(path), text: await readFile(path, 'utf8') })));
}

const placeOf = (path: string) => ({ name: basename(path), folder: basename(dirname(path)) });

async function pickFiles(
  window: BrowserWindow,
  filter: FileFilter,
  { folders = false }: PickOptions = {},
): Promise<readonly string[]> {
  const { filePaths } = await dialog.showOpenDialog(window, {
    properties: [folders ? 'openDirectory' : 'openFile', 'multiSelections'],
    filters: folders ? undefined : [filter],
  });
  return folders
    ? (await Promise.all(filePaths.map((folder) => filesIn(folder, filter.extensions)))).flat()
    : filePaths;
}

/** Links are not followed: the user did not pick their targets. */
async function filesIn(folder: string, extensions: readonly string[]): Promise<string[]> {
  const isWanted = (name: string) =>
    !name.startsWith('.') && extensions.includes(name.split('.').at(-1)!.toLowerCase());
  const entries = await readdir(folder, { withFileTypes: true });
  const found = await Promise.all(
    entries.map((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return filesIn(path, extensions);
      return entry.isFile() && isWanted(entry.name) ? [path] : [];
    }),
  );
  return found.flat().sort();
}

/**
 * The picked `.onnx` file, with its external data in it, and the JSON files next to it.
 *
 * @returns undefined if the dialog was dismissed
 * @throws ThawError `bad-model`
 */
export async function pickModel(window: BrowserWindow): Promise<PickedModel | undefined> {
  const { filePaths } = await dialog.showOpenDialog(window, {
    properties: ['openFile'],
    filters: [{ name: 'ONNX models', extensions: ['onnx'] }],
  });
  if (!filePaths.length) return undefined;
  const { name, path, preprocessing, config, tokenizer, tokenizerConfig } = await resolveModel(filePaths[0]);
  const model = writeModel(await readModelFile(path));
  return { name, model, preprocessorConfig: preprocessing, config, tokenizer, tokenizerConfig };
}

/**
 * Writes a finished model as a new folder `model`, `model-2`, … in the folder that is picked.
 *
 * @returns the new folder's path, undefined if the dialog was dismissed
 * @throws ThawError `run-directory` if it cannot be written
 */
export async function saveModel(window: BrowserWindow, files: ModelFiles): Promise<string | undefined> {
  const contents = new Map(files.map(([path, bytes]) => [checkedPath(path), checkedBytes(bytes)]));
  const { filePaths } = await dialog.showOpenDialog(window, {
    properties: ['openDirectory', 'createDirectory'],
    buttonLabel: 'Save the model here',
  });
  if (!filePaths.length) return undefined;
  const names = function* () {
    yield 'model';
    for (let i = 2; ; i++) yield `model-${i}`;
  };
  for (const name of names()) {
    const folder = join(filePaths[0], name);
    if (existsSync(folder)) continue;
    await replaceFolder(folder, contents);
    return folder;
  }
}

/** Only into the new folder, by names that every system takes. */
function checkedPath(path: unknown): string {
  const parts = typeof path === 'string' ? path.split('/') : [];
  if (parts.length && parts.every((part) => /^[\w-][\w.-]*$/.test(part) && !fileNameProblem(part)))
    return parts.join('/');
  throw new ThawError(
    'bad-config',
    `"${path}" is not a path within a model's folder`,
    'Save the files that finish() gave',
  );
}

function checkedBytes(bytes: unknown): Uint8Array {
  if (bytes instanceof Uint8Array) return bytes;
  throw new ThawError('bad-config', "a model's file is not given as bytes", 'Save the files that finish() gave');
}
