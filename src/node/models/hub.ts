import { existsSync, realpathSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import {
  downloadFile,
  getHFHubCachePath,
  getRepoFolderName,
  HUB_URL,
  HubApiError,
  modelInfo,
  type PathInfo,
  pathsInfo,
} from '@huggingface/hub';
import { ThawError } from '../../errors.ts';
import { fileNameOf } from '../../file-names.ts';
import { type FetchOptions, largestJson, largestModel } from './address.ts';
import { writeJson } from './cache.ts';
import { download } from './download.ts';
import type { ModelFiles } from './folder.ts';
import { allowedAddress, guarded } from './network.ts';
import { checkOnnxFile, digest } from './onnx-file.ts';

/** A repository of the hub at a revision: a branch, a tag or a commit. */
interface Repository {
  readonly name: string;
  readonly revision: string;
}

const commitHash = /^[0-9a-f]{40}$/;
const models = ['onnx/model.onnx', 'model.onnx'];
const configs = ['preprocessor_config.json', 'config.json'];
const tokenizers = ['tokenizer.json', 'tokenizer_config.json'];

/** Record of a finished download of one commit. Written last, so it marks a complete download. */
interface Snapshot {
  readonly model: string;
  readonly sha256: string;
  /** Sizes in bytes of all files. */
  readonly files: Readonly<Record<string, number>>;
}

/**
 * Downloads a model of the Hugging Face hub: `owner/name` or `owner/name@revision`. The first download pins a revision to its commit; later
 * calls use only the cache. A snapshot in Hugging Face's own cache (`HF_HOME`) is used in place. `HF_ENDPOINT` and `HF_TOKEN` work as in
 * Hugging Face's tools.
 * @throws ThawError `bad-config`, `not-found`, `network` or `bad-model`
 */
export async function fetchFromHub(spec: string, options: FetchOptions): Promise<ModelFiles> {
  const cached = await fromCaches(spec, options.cache);
  if (cached) return cached;
  const repository = parse(spec);
  const { endpoint, home } = placeOf(repository, options.cache);
  const known = await knownCommit(home, repository.revision);
  const hub = new Hub(endpoint, repository, await accessToken(), guarded(options.fetch));
  const { commit, files } = await hub.list();
  const kept = commit === known ? undefined : await fromCache(home, commit, repository);
  const fetched = kept ?? (await fetchSnapshot(hub, commit, files, join(home, commit), options));
  await writeJson(refFile(home, repository.revision), { commit });
  return fetched;
}

/** The model from Thaw's cache or Hugging Face's. Uses no network. */
export async function fromCaches(spec: string, cache: string): Promise<ModelFiles | undefined> {
  const repository = parse(spec);
  const shared = await fromSharedCache(repository);
  if (shared) return shared;
  const { home } = placeOf(repository, cache);
  const known = await knownCommit(home, repository.revision);
  return known === undefined ? undefined : fromCache(home, known, repository);
}

function placeOf({ name }: Repository, cache: string): { readonly endpoint: URL; readonly home: string } {
  const endpoint = allowedAddress(process.env.HF_ENDPOINT || HUB_URL);
  const host = endpoint.host.replace(/[^\w.-]/g, '-');
  return { endpoint, home: join(cache, 'hub', host, name.replace('/', '--')) };
}

function parse(spec: string): Repository {
  const name = /^[\w.-]+\/[\w.-]+(?=@|$)/.exec(spec)?.[0];
  const revision = name && spec.length > name.length ? spec.slice(name.length + 1) : 'main';
  const dots = name?.split('/').some((part) => /^\.|\.\./.test(part));
  if (!name || dots || !/^[\w.-]+(\/[\w.-]+)*$/.test(revision) || revision.split('/').includes('..'))
    throw new ThawError(
      'bad-config',
      `hf:${spec} is not a model of the hub`,
      'Write hf:owner/name or hf:owner/name@revision, such as hf:Xenova/resnet-18',
    );
  return { name, revision };
}

const modelFiles = ({ name }: Repository, folder: string, model: string, sha256: string): ModelFiles => ({
  name: basename(name),
  path: join(folder, model),
  folder,
  sha256,
});

async function readJsonFile<T>(path: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T;
  } catch {
    return undefined;
  }
}

/** File with the commit of a branch or tag. */
const refFile = (home: string, revision: string): string =>
  join(home, 'refs', fileNameOf(`${encodeURIComponent(revision)}.json`));

async function knownCommit(home: string, revision: string): Promise<string | undefined> {
  if (commitHash.test(revision)) return revision;
  const ref = await readJsonFile<{ commit?: string }>(refFile(home, revision));
  return ref?.commit && commitHash.test(ref.commit) ? ref.commit : undefined;
}

/** The files of a commit, if all are present and the model is unchanged. */
async function fromCache(home: string, commit: string, repository: Repository): Promise<ModelFiles | undefined> {
  const folder = join(home, commit);
  const snapshot = await readJsonFile<Snapshot>(join(folder, 'snapshot.json'));
  if (!snapshot || !models.includes(snapshot.model)) return undefined;
  for (const [file, size] of Object.entries(snapshot.files)) {
    const found = await stat(join(folder, file)).catch(() => undefined);
    if (found?.size !== size) return undefined;
  }
  if ((await digest(join(folder, snapshot.model))) !== snapshot.sha256) return undefined;
  return modelFiles(repository, folder, snapshot.model, snapshot.sha256);
}

/** Reads Hugging Face's cache: `models--owner--name/{refs/REVISION,snapshots/COMMIT}`. Large files are links to blobs named by SHA-256. */
async function fromSharedCache(repository: Repository): Promise<ModelFiles | undefined> {
  const home = join(getHFHubCachePath(), getRepoFolderName({ type: 'model', name: repository.name }));
  if (!existsSync(home)) return undefined;
  const ref = await readFile(join(home, 'refs', repository.revision), 'utf8').catch(() => '');
  const commit = commitHash.test(repository.revision) ? repository.revision : ref.trim();
  if (!commitHash.test(commit)) return undefined;
  const folder = join(home, 'snapshots', commit);
  const model = models.find((file) => existsSync(join(folder, file)));
  // Snapshots only have requested files. Without all JSON files, a missing one could be absent or not downloaded.
  const has = (files: readonly string[]) => files.every((file) => existsSync(join(folder, file)));
  if (!model || !(has(configs) || has(['config.json', ...tokenizers]))) return undefined;
  const blob = realpathSync(join(folder, model));
  if ((await digest(blob)) !== basename(blob)) return undefined;
  return modelFiles(repository, folder, model, basename(blob));
}

/** `HF_TOKEN`, or the token that Hugging Face's command line stores after a login. */
async function accessToken(): Promise<string | undefined> {
  const { HF_TOKEN, HF_TOKEN_PATH, HF_HOME, XDG_CACHE_HOME } = process.env;
  const home = HF_HOME ?? join(XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'huggingface');
  const token = HF_TOKEN ?? (await readFile(HF_TOKEN_PATH ?? join(home, 'token'), 'utf8').catch(() => ''));
  if (token && !token.trim().startsWith('hf_'))
    throw new ThawError(
      'bad-config',
      'HF_TOKEN is not a Hugging Face token: it does not start with hf_',
      'Unset or fix it',
    );
  return token.trim() || undefined;
}

/** The hub's API, with errors that tell the user how to fix them. */
class Hub {
  constructor(
    private readonly endpoint: URL,
    readonly repository: Repository,
    private readonly token: string | undefined,
    private readonly fetch: typeof globalThis.fetch,
  ) {}

  private get shared() {
    return {
      hubUrl: this.endpoint.href.replace(/\/$/, ''),
      fetch: this.fetch,
      ...(this.token ? { accessToken: this.token } : {}),
    };
  }

  /** Commit and files of the revision. */
  async list(): Promise<{ commit: string; files: readonly string[] }> {
    const { name, revision } = this.repository;
    const info = await this.ask(() =>
      modelInfo({ ...this.shared, name, revision, additionalFields: ['sha', 'filePaths'] }),
    );
    if (!commitHash.test(String(info.sha)) || !Array.isArray(info.filePaths)) throw this.unexpected('names no commit');
    return { commit: info.sha, files: info.filePaths };
  }

  /** Sizes and hashes of files at a commit. */
  async describe(commit: string, paths: string[]): Promise<PathInfo[]> {
    const infos = await this.ask(() =>
      pathsInfo({ ...this.shared, repo: this.repository.name, revision: commit, paths }),
    );
    return paths.map((path) => {
      const info = infos.find((found) => found.path === path && found.type === 'file');
      if (!info || !Number.isSafeInteger(info.lfs?.size ?? info.size))
        throw this.unexpected(`doesn't describe ${path}`);
      return info;
    });
  }

  async read(commit: string, path: string, from: number) {
    // Plain HTTP instead of Xet: it can resume at any byte, through any mirror.
    const blob = await this.ask(() =>
      downloadFile({ ...this.shared, repo: this.repository.name, revision: commit, path, xet: false }),
    );
    if (!blob) throw this.unexpected(`has no ${path}`);
    const rest = from > 0 ? blob.slice(from) : blob;
    return { from, body: rest.stream() as ReadableStream<Uint8Array> & AsyncIterable<Uint8Array> };
  }

  private async ask<T>(question: () => Promise<T>): Promise<T> {
    try {
      return await question();
    } catch (error) {
      if (error instanceof ThawError) throw error;
      if (error instanceof HubApiError) throw this.refused(error);
      throw this.unexpected(String((error as Error).message));
    }
  }

  private unexpected = (what: string) =>
    new ThawError(
      'network',
      `${this.endpoint.host} ${what} (hf:${this.repository.name})`.replace(/\s+/g, ' '),
      'Check HF_ENDPOINT, or try again later',
    );

  private refused({ statusCode }: HubApiError): ThawError {
    const { name, revision } = this.repository;
    const page = `${this.endpoint.origin}/${name}`;
    if (statusCode === 404)
      return new ThawError(
        'not-found',
        `hf:${name} has no revision ${revision}, or there is no such model`,
        `See ${page}, or thaw models for starting points`,
      );
    if (statusCode === 401 || statusCode === 403)
      return new ThawError(
        'network',
        `hf:${name} is private, gated or does not exist (${statusCode})`,
        this.token
          ? `Accept its terms at ${page} with the account of HF_TOKEN`
          : `Accept its terms at ${page} and set HF_TOKEN to a token of your account`,
      );
    return new ThawError(
      'network',
      `${this.endpoint.host} answered ${statusCode} for hf:${name}`,
      statusCode === 429 ? 'Wait a while, or set HF_TOKEN' : 'Try again later',
    );
  }
}

/** Downloads the model, its external data and its JSON files at one commit, and checks each against the hub's hash. */
async function fetchSnapshot(
  hub: Hub,
  commit: string,
  files: readonly string[],
  folder: string,
  { onProgress }: FetchOptions,
): Promise<ModelFiles> {
  const { name } = hub.repository;
  const model = models.find((file) => files.includes(file));
  if (!model)
    throw new ThawError(
      'not-found',
      `hf:${name} has no ${models.join(' or ')}`,
      'Choose a model with ONNX weights (on the hub, library transformers.js), or give the address of an .onnx file',
    );
  // Thaw downloads only these names, whatever else the repository contains.
  const external = files.filter((file) => dirname(file) === dirname(model) && isExternalData(basename(file)));
  const wanted = [...[...configs, ...tokenizers].filter((file) => files.includes(file)), ...external, model];
  const sizes: Record<string, number> = {};
  for (const { path, size, lfs, oid } of await hub.describe(commit, wanted)) {
    sizes[path] = lfs?.size ?? size;
    await download({
      target: join(folder, path),
      where: `hf:${name}/${path}`,
      version: lfs?.oid ?? oid ?? commit,
      size: sizes[path],
      sha256: lfs?.oid,
      gitBlob: lfs ? undefined : oid,
      limit: path.endsWith('.json') ? largestJson : path === model ? largestModel : 8 * largestModel,
      open: (from) => hub.read(commit, path, from),
      check: path === model ? (part) => checkOnnxFile(part, `hf:${name}/${path}`) : undefined,
      onProgress,
    });
  }
  const snapshot: Snapshot = { model, sha256: await digest(join(folder, model)), files: sizes };
  await writeJson(join(folder, 'snapshot.json'), snapshot);
  return modelFiles(hub.repository, folder, model, snapshot.sha256);
}

const isExternalData = (file: string) => /^model\.onnx(_data(_\d+)?|\.data)$/.test(file);
