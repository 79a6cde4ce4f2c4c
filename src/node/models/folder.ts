import { existsSync, statSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { ThawError } from '../../errors.ts';
import { isDeep } from '../../json.ts';
import { readTextIfThere } from '../disk/index.ts';
import { packageFile } from '../package-files.ts';

/** The model in the package. The path works from `src` and from `dist`. */
export const embeddedFolder = packageFile('artifacts/default');

/** Paths of a model's files. */
export interface ModelFiles {
  readonly name: string;
  /** Absolute path of the `.onnx`. */
  readonly path: string;
  /** The folder with the model's JSON files. */
  readonly folder: string;
  /** For a downloaded model: its address without secrets. */
  readonly source?: string;
  /** SHA-256 of the `.onnx` file, if already computed. */
  readonly sha256?: string;
  /** For a model of the hub. */
  readonly commit?: string;
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
      `${path} does not exist`,
      like
        ? `For a model on the Hugging Face hub, write hf:${path}`
        : 'Check the path, or see thaw models for starting points',
    );
  }
  if (!found.isDirectory()) return singleFile(absolute);
  const run = basename(absolute) === 'model' ? basename(dirname(absolute)) : basename(absolute);
  for (const folder of [absolute, join(absolute, 'model')])
    for (const file of ['onnx/model.onnx', 'model.onnx'])
      if (isFile(join(folder, file))) return { name: run, path: join(folder, file), folder };
  return onlyModel(absolute, path);
}

/** A single file. Its JSON files are next to it, or in the parent folder if it is in `onnx/`. */
function singleFile(path: string): ModelFiles {
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
      `${path} contains several models: ${models.join(', ')}`,
      'Give the path of one of them',
    );
  if (isFile(join(folder, 'config.yaml')) && existsSync(join(folder, 'checkpoints')))
    throw new ThawError(
      'not-found',
      `the run ${path} has no finished model yet`,
      `To finish it: thaw resume ${path}. To export the current model: thaw export ${path}`,
    );
  throw new ThawError(
    'not-found',
    `${path} contains no ONNX model`,
    'A model folder contains onnx/model.onnx or model.onnx, and preprocessor_config.json',
  );
}

/**
 * Reads a JSON file of the model's folder; undefined if it does not exist.
 * @throws ThawError `bad-model` if it is not JSON
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
  if (isDeep(json)) throw new ThawError('bad-model', `${path} is nested too deeply`, 'Fix or remove it');
  return json;
}
