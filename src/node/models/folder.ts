import { existsSync, statSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { ThawError } from '../../errors.ts';
import { isDeep } from '../../json.ts';
import { readTextIfThere } from '../disk/index.ts';
import { packageFile } from '../package-files.ts';

/** The model that ships with the package; the same way from `src` and from `dist`. */
export const embeddedFolder = packageFile('artifacts/default');

/** Where a model's files lie on disk. */
export interface ModelFiles {
  readonly name: string;
  /** Absolute path of the `.onnx`. */
  readonly path: string;
  /** The folder that holds the model's JSON files. */
  readonly folder: string;
  /** Of a model that was fetched: its address as it may be written down. */
  readonly source?: string;
  /** Of the `.onnx`, where it has just been computed. */
  readonly sha256?: string;
}

const isFile = (path: string) => existsSync(path) && statSync(path).isFile();

/** Finds the model at a path: an `.onnx` file, a transformers.js folder, or a run directory with its finished model. */
export async function locate(path: string): Promise<ModelFiles> {
  const absolute = resolve(path);
  const found = await stat(absolute).catch(() => undefined);
  if (!found) {
    const like = /^[\w.-]+\/[\w.-]+$/.test(path) && !path.startsWith('.') && !path.endsWith('.onnx');
    throw new ThawError(
      'not-found',
      `there is no model at ${path}`,
      like
        ? `For a model of the Hugging Face hub write hf:${path}`
        : 'Check the path; thaw models lists starting points',
    );
  }
  if (!found.isDirectory()) return beside(absolute);
  const run = basename(absolute) === 'model' ? basename(dirname(absolute)) : basename(absolute);
  for (const folder of [absolute, join(absolute, 'model')])
    for (const file of ['onnx/model.onnx', 'model.onnx'])
      if (isFile(join(folder, file))) return { name: run, path: join(folder, file), folder };
  return onlyModel(absolute, path);
}

/** A lone file: its JSON files lie beside it, or above it where it is in `onnx/`. */
function beside(path: string): ModelFiles {
  const parent = dirname(path);
  const inOnnx = basename(parent) === 'onnx';
  const configs = (folder: string) => ['preprocessor_config.json', 'config.json'].some((f) => isFile(join(folder, f)));
  const folder = inOnnx && !configs(parent) && configs(dirname(parent)) ? dirname(parent) : parent;
  const stem = basename(path).replace(/\.onnx$/i, '');
  return { name: stem === 'model' ? basename(inOnnx ? dirname(parent) : parent) : stem, path, folder };
}

async function onlyModel(folder: string, path: string): Promise<ModelFiles> {
  const models = (await readdir(folder)).filter((file) => file.toLowerCase().endsWith('.onnx')).sort();
  if (models.length === 1) return { name: basename(folder), path: join(folder, models[0]), folder };
  if (models.length > 1)
    throw new ThawError(
      'not-found',
      `${path} holds several models: ${models.join(', ')}`,
      'Give the path of one of them',
    );
  if (isFile(join(folder, 'config.yaml')) && existsSync(join(folder, 'checkpoints')))
    throw new ThawError(
      'not-found',
      `the run ${path} has no finished model yet`,
      `Finish it: thaw resume ${path}. Or take what was trained so far: thaw export ${path}`,
    );
  throw new ThawError(
    'not-found',
    `there is no ONNX model in ${path}`,
    'A model folder holds onnx/model.onnx or model.onnx, and preprocessor_config.json',
  );
}

/**
 * A JSON file of the model's folder, or undefined where there is none.
 * @throws ThawError `bad-model` where it is not JSON
 */
export async function readJson(folder: string, file: string): Promise<unknown> {
  const path = join(folder, file);
  if (!isFile(path)) return undefined;
  const text = await readTextIfThere(path);
  let json: unknown;
  try {
    json = JSON.parse((text ?? '').replace(/^\uFEFF/, ''));
  } catch (cause) {
    throw new ThawError('bad-model', `${path} is not JSON`, 'Fix or remove it', { cause });
  }
  if (isDeep(json)) throw new ThawError('bad-model', `${path} has too many levels`, 'Fix or remove it');
  return json;
}
