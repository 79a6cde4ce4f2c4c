import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { catalogueModel } from '../../catalogue.ts';
import { ThawError } from '../../errors.ts';
import { fetchAddress } from './address.ts';
import { cacheFolder } from './cache.ts';
import type { Progress } from './download.ts';
import { embeddedFolder, locate, type ModelFiles, readJson } from './folder.ts';
import { endingWith } from './network.ts';
import { checkOnnxFile, digest } from './onnx-file.ts';

/** A model on this machine. */
export interface ResolvedModel {
  /** Short name for messages and runs. */
  readonly name: string;
  /** As given by the user. For an address with secrets: without them, and with the checksum of the model. */
  readonly source: string;
  /** For a model of the hub. */
  readonly commit?: string;
  /** Absolute path of the `.onnx` file. */
  readonly path: string;
  /** The folder of its JSON files and external data. */
  readonly folder: string;
  /** Parsed `preprocessor_config.json`, if there is one. */
  readonly preprocessing?: unknown;
  /** Parsed `config.json` (labels are in its `id2label`), if there is one. */
  readonly config?: unknown;
  /** Parsed `tokenizer.json` and `tokenizer_config.json`, if the model takes texts. */
  readonly tokenizer?: unknown;
  readonly tokenizerConfig?: unknown;
  /** SHA-256 of the `.onnx` file, in hexadecimal. The first call may read the file. */
  readonly sha256: () => Promise<string>;
}

export interface ResolveOptions {
  /** Called when bytes arrive. Not called for files on disk. */
  readonly onProgress?: (progress: Progress) => void;
  /** Called if an older copy of a model is used, because the hub does not answer. */
  readonly onNotice?: (message: string) => void;
  /** Cache folder of models at `https://` addresses. Default: `THAW_CACHE` or `~/.cache/thaw`. */
  readonly cacheDir?: string;
  /** Replaces the global `fetch`. */
  readonly fetch?: typeof fetch;
  /** Ends a transfer. A later call resumes it. */
  readonly signal?: AbortSignal;
}

/**
 * Finds a model: a path to an `.onnx` file, a transformers.js folder, a run directory, an `https://` address, `hf:owner/name[@revision]`,
 * or a name of the catalogue, such as `default`. Only addresses and `hf:` use the network, and each file is downloaded only once.
 * @throws ThawError `not-found`, `bad-model`, `network` or `bad-config`; the reason of `signal`
 */
export async function resolveModel(spec: string, options: ResolveOptions = {}): Promise<ResolvedModel> {
  const { signal } = options;
  const address = addressOf(spec);
  const files = await find(address, options).catch((error) => {
    // An aborted request fails with another error.
    signal?.throwIfAborted();
    throw error;
  });
  signal?.throwIfAborted();
  await checkOnnxFile(files.path);
  const preprocessing = await readJson(files.folder, 'preprocessor_config.json');
  const config = await readJson(files.folder, 'config.json');
  const tokenizer = await readJson(files.folder, 'tokenizer.json');
  const tokenizerConfig = tokenizer && (await readJson(files.folder, 'tokenizer_config.json'));
  const { name, path, folder, commit } = files;
  let sha256 = files.sha256 === undefined ? undefined : Promise.resolve(files.sha256);
  return {
    ...{ name, path, folder },
    source: files.source ?? address,
    ...(commit === undefined ? {} : { commit }),
    ...(preprocessing === undefined ? {} : { preprocessing }),
    ...(config === undefined ? {} : { config }),
    ...(tokenizer === undefined ? {} : { tokenizer, tokenizerConfig }),
    sha256: () => {
      sha256 ??= digest(path);
      return sha256;
    },
  };
}

/** The address of a name of the catalogue, unless a file has this name. */
const addressOf = (spec: string): string => (existsSync(spec) ? spec : (catalogueModel(spec)?.address ?? spec));

/** Whether the model can be used without a network. */
export async function isHere(spec: string): Promise<boolean> {
  const address = addressOf(spec);
  if (!address.startsWith('hf:')) return !isAddress(address);
  const { isCached } = await import('./hub.ts');
  return isCached(address.slice(3));
}

/** Whether `spec` is a path on this machine. A scheme has at least two letters, so `C:\models` is a path. */
export const isPath = (spec: string): boolean =>
  !/^[a-z][a-z0-9+.-]+:/i.test(spec) && (existsSync(spec) || !catalogueModel(spec));

/** Whether `spec` is an address of a server. */
const isAddress = (spec: string): boolean => !isPath(spec) && !/^(default$|hf:)/.test(spec) && !existsSync(spec);

async function find(
  spec: string,
  { onProgress, onNotice, cacheDir, fetch = globalThis.fetch, signal }: ResolveOptions,
): Promise<ModelFiles> {
  const cache = cacheDir === undefined ? cacheFolder() : resolve(cacheDir);
  const remote = { cache, fetch: endingWith(signal, fetch), onProgress, onNotice };
  if (spec === 'default') return embeddedModel();
  if (spec.startsWith('hf:')) {
    // Other models need neither the hub nor its cache.
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
      'the default model is missing in this installation',
      'Install thaw again, or give a model by path, address or hf:owner/name',
    );
  return { ...(await locate(embeddedFolder)), name: 'default' };
}
