/** The only ways from a page to the machine's files: each asks the user. */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type BrowserWindow, dialog } from 'electron';
import { ThawError } from '../errors.ts';
import { fileNameProblem } from '../file-names.ts';
import { replaceFolder } from '../node/disk/index.ts';
import { readModelFile } from '../node/models/files.ts';
import { resolveModel } from '../node/models/index.ts';
import { writeModel } from '../onnx/index.ts';
import type { ModelFiles, PickedImage, PickedModel, PickImagesOptions } from './channels.ts';

/** What sharp reads. */
const IMAGES = ['jpg', 'jpeg', 'png', 'webp', 'gif', 'tif', 'tiff', 'avif'];
const isImage = (name: string) => !name.startsWith('.') && IMAGES.includes(name.split('.').at(-1)!.toLowerCase());

/** @returns what was picked, nothing where the dialog was dismissed */
export async function pickImages(
  window: BrowserWindow,
  { folders = false }: PickImagesOptions = {},
): Promise<readonly PickedImage[]> {
  const { filePaths } = await dialog.showOpenDialog(window, {
    properties: [folders ? 'openDirectory' : 'openFile', 'multiSelections'],
    filters: folders ? undefined : [{ name: 'Images', extensions: IMAGES }],
  });
  const paths = folders ? (await Promise.all(filePaths.map(imagesIn))).flat() : filePaths;
  return paths.map((path) => ({ path, name: basename(path), folder: basename(dirname(path)) }));
}

/** Links are not followed: what they lead to was not picked. */
async function imagesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const found = await Promise.all(
    entries.map((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return imagesIn(path);
      return entry.isFile() && isImage(entry.name) ? [path] : [];
    }),
  );
  return found.flat().sort();
}

/**
 * The picked `.onnx` file, with its external data in it, and the JSON files beside it.
 *
 * @returns undefined where the dialog was dismissed
 * @throws ThawError `bad-model`
 */
export async function pickModel(window: BrowserWindow): Promise<PickedModel | undefined> {
  const { filePaths } = await dialog.showOpenDialog(window, {
    properties: ['openFile'],
    filters: [{ name: 'ONNX models', extensions: ['onnx'] }],
  });
  if (!filePaths.length) return undefined;
  const { name, path, preprocessing, config } = await resolveModel(filePaths[0]);
  return { name, model: writeModel(await readModelFile(path)), preprocessorConfig: preprocessing, config };
}

/**
 * Writes a finished model as a new folder `model`, `model-2`, … in the folder that is picked.
 *
 * @returns the new folder's path, undefined where the dialog was dismissed
 * @throws ThawError `run-directory` where it cannot be written
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
    `"${path}" is no path within a model's folder`,
    'Save what finish() gave as its files',
  );
}

function checkedBytes(bytes: unknown): Uint8Array {
  if (bytes instanceof Uint8Array) return bytes;
  throw new ThawError('bad-config', "a model's file is not given as bytes", 'Save what finish() gave as its files');
}
