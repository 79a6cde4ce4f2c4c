import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { ThawError } from '../../errors.ts';
import { fetchAddress } from './address.ts';
import { cacheFolder } from './cache.ts';
import type { Progress } from './download.ts';
import { embeddedFolder, locate, type ModelFiles, readJson } from './folder.ts';
import { checkOnnxFile, digest } from './onnx-file.ts';

/** A model on this machine, ready to be read. */
export interface ResolvedModel {
  /** Short, for messages and run names. */
  readonly name: string;
  /** What the user wrote. An address with secrets in it is here without them, and names the model by its checksum. */
  readonly source: string;
  /** Absolute path of the `.onnx` file. */
  readonly path: string;
  /** The folder that its JSON files (and external data) belong to. */
  readonly folder: string;
  /** Parsed `preprocessor_config.json`, if there is one. */
  readonly preprocessing?: unknown;
  /** Parsed `config.json` (labels are in its `id2label`), if there is one. */
  readonly config?: unknown;
  /** Parsed `tokenizer.json` and `tokenizer_config.json`, if the model takes texts. */
  readonly tokenizer?: unknown;
  readonly tokenizerConfig?: unknown;
  /** SHA-256 of the `.onnx` file, in hexadecimal. The file is read for it when this is first called, where it has not been before. */
  readonly sha256: () => Promise<string>;
}

export interface ResolveOptions {
  /** Called as bytes arrive; never for what is on disk already. */
  readonly onProgress?: (progress: Progress) => void;
  /** Instead of `THAW_CACHE` or `~/.cache/thaw`. */
  readonly cacheDir?: string;
  /** Instead of the global `fetch`. */
  readonly fetch?: typeof fetch;
  /** Ends a transfer; what has arrived is taken up by the next one. */
  readonly signal?: AbortSignal;
}

/**
 * Finds the model that `spec` names: a path to an `.onnx` file, a transformers.js folder, a run directory, an `https://` address,
 * `hf:owner/name[@revision]`, or `default`. Only addresses and `hf:` touch the network, and only the first time.
 * @throws ThawError `not-found`, `bad-model`, `network` or `bad-config`; what `signal` gives as its reason
 */
export async function resolveModel(spec: string, options: ResolveOptions = {}): Promise<ResolvedModel> {
  const { signal } = options;
  const files = await find(spec, options).catch((error) => {
    // The request that it ended has failed for that alone.
    signal?.throwIfAborted();
    throw error;
  });
  await checkOnnxFile(files.path);
  const preprocessing = await readJson(files.folder, 'preprocessor_config.json');
  const config = await readJson(files.folder, 'config.json');
  const tokenizer = await readJson(files.folder, 'tokenizer.json');
  const tokenizerConfig = tokenizer && (await readJson(files.folder, 'tokenizer_config.json'));
  const { name, path, folder } = files;
  let sha256 = files.sha256 === undefined ? undefined : Promise.resolve(files.sha256);
  return {
    ...{ name, path, folder },
    source: files.source ?? spec,
    ...(preprocessing === undefined ? {} : { preprocessing }),
    ...(config === undefined ? {} : { config }),
    ...(tokenizer === undefined ? {} : { tokenizer, tokenizerConfig }),
    sha256: () => {
      sha256 ??= digest(path);
      return sha256;
    },
  };
}

/** Whether `spec` names a place on this machine. Addresses begin with two letters at least: `C:\models` is a path. */
export const isPath = (spec: string): boolean => spec !== 'default' && !/^[a-z][a-z0-9+.-]+:/i.test(spec);

/** Whether `spec` is fetched from a server that it names. */
export const isAddress = (spec: string): boolean => !isPath(spec) && !/^(default$|hf:)/.test(spec) && !existsSync(spec);

async function find(
  spec: string,
  { onProgress, cacheDir, fetch = globalThis.fetch, signal }: ResolveOptions,
): Promise<ModelFiles> {
  const ending: typeof fetch = signal ? (input, init) => fetch(input, { signal, ...init }) : fetch;
  const remote = { cache: cacheDir === undefined ? cacheFolder() : resolve(cacheDir), fetch: ending, onProgress };
  if (spec === 'default') return embeddedModel();
  if (spec.startsWith('hf:')) {
    // Only who asks for the hub waits for its library to load.
    const { fetchFromHub } = await import('./hub.ts');
    return fetchFromHub(spec.slice(3), remote);
  }
  if (isAddress(spec)) return fetchAddress(spec, remote);
  return locate(spec);
}

async function embeddedModel(): Promise<ModelFiles> {
  if (!existsSync(embeddedFolder))
    throw new ThawError(
      'not-found',
      'the default model is missing from this installation',
      'Install thaw again, or give a model by path, address or hf:owner/name',
    );
  return { ...(await locate(embeddedFolder)), name: 'default' };
}
