import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ThawError } from '../../errors.ts';
import { type FetchOptions, largestJson, largestModel } from './address.ts';
import { download } from './download.ts';
import type { ModelFiles } from './folder.ts';
import { HubCache, isCommit, isOffline } from './hub-cache.ts';
import { Hub, parseRepository, type Repository } from './hub-client.ts';
import { checkOnnxFile, digest } from './onnx-file.ts';

const models = ['onnx/model.onnx', 'model.onnx'];
const configs = ['preprocessor_config.json', 'config.json'];
const tokenizers = ['tokenizer.json', 'tokenizer_config.json'];

/**
 * Downloads a model of the Hugging Face hub, `owner/name` or `owner/name@revision`, into the cache that Hugging Face's tools share. Asks the
 * hub for the commit of a branch or tag, and downloads only files that the cache lacks. If the hub does not answer, the last known commit
 * is used, with a notice. A commit in the cache needs no network.
 * @throws ThawError `bad-config`, `not-found`, `network` or `bad-model`
 */
export async function fetchFromHub(spec: string, options: FetchOptions): Promise<ModelFiles> {
  const repository = parseRepository(spec);
  const known = await fromCache(repository);
  if (known && (isCommit(repository.revision) || isOffline())) return known;
  if (isOffline())
    throw new ThawError(
      'not-found',
      `hf:${spec} is not in the cache, and HF_HUB_OFFLINE forbids a download`,
      'Unset HF_HUB_OFFLINE',
    );
  const hub = await Hub.open(repository.name, options.fetch);
  const { revision } = repository;
  const listed = await hub.list(revision).catch((error) => {
    if (!known || !(error instanceof ThawError)) throw error;
    options.onNotice?.(`${error.message}; the last known commit of hf:${spec} is used, from the cache`);
    return undefined;
  });
  if (!listed) return known!;
  const cache = new HubCache(repository.name);
  const files = await fetchSnapshot({ hub, cache, ...listed }, options);
  // A cache that only allows reading is enough for a model that is there.
  await cache.pin(revision, listed.commit).catch((error) => {
    if (!known) throw error;
  });
  return files;
}

/** Whether the model can be used without a network. */
export const isCached = async (spec: string): Promise<boolean> =>
  (await fromCache(parseRepository(spec))) !== undefined;

/** The model at the last known commit of a revision, if the cache has all of it. Uses no network. */
async function fromCache({ name, revision }: Repository): Promise<ModelFiles | undefined> {
  const cache = new HubCache(name);
  const commit = await cache.commitOf(revision);
  if (commit === undefined) return undefined;
  const model = models.find((file) => cache.has(commit, file));
  // Other tools only download requested files. An unknown one could be absent or not downloaded.
  const knows = (files: readonly string[]) => files.every((file) => cache.knows(commit, file));
  if (!model || !(knows(configs) || knows(['config.json', ...tokenizers]))) return undefined;
  return intactModel({ cache, commit, model, name });
}

interface Place {
  readonly cache: HubCache;
  readonly commit: string;
}

/** The model of a snapshot, unless its contents have changed. */
async function intactModel({
  cache,
  commit,
  model,
  name,
}: Place & { readonly model: string; readonly name: string }): Promise<ModelFiles | undefined> {
  const folder = cache.snapshot(commit);
  const path = join(folder, model);
  if (!existsSync(path)) return undefined;
  const sha256 = await digest(path);
  const etag = await cache.etagOf(commit, model);
  if (etag && isSha256(etag) && etag !== sha256) return undefined;
  return { name: basename(name), path, folder, sha256, commit };
}

const isSha256 = (etag: string): boolean => /^[0-9a-f]{64}$/.test(etag);

/** The model, its external data and its JSON files at one commit. */
async function fetchSnapshot(
  { hub, cache, commit, files }: Place & { readonly hub: Hub; readonly files: readonly string[] },
  { onProgress }: FetchOptions,
): Promise<ModelFiles> {
  const { name } = hub;
  const model = models.find((file) => files.includes(file));
  if (!model)
    throw new ThawError(
      'not-found',
      `hf:${name} has no ${models.join(' or ')}`,
      'Choose a model with ONNX weights (on the hub, library transformers.js), or give the address of an .onnx file',
    );
  const kept = await intactModel({ cache, commit, model, name });
  // Thaw downloads only these names, whatever else the repository contains.
  const external = files.filter((file) => dirname(file) === dirname(model) && isExternalData(basename(file)));
  for (const file of [...configs, ...tokenizers])
    if (!files.includes(file) && !cache.knows(commit, file)) await cache.markMissing(commit, file);
  // The model comes last, so that a model in the cache always has its other files.
  for (const path of [...configs, ...tokenizers, ...external, model].filter((file) => files.includes(file))) {
    if (path === model ? kept : cache.has(commit, path)) continue;
    const remote = await hub.describe(commit, path);
    if (!remote) throw hub.unexpected(`lists ${path} but has no such file`);
    const { etag, size } = remote;
    const hashed = /^[0-9a-f]{40}$/.test(etag);
    if (isSha256(etag) || hashed || !existsSync(cache.blob(etag)))
      await download({
        target: cache.blob(etag),
        where: `hf:${name}/${path}`,
        file: basename(path),
        version: etag,
        size,
        sha256: isSha256(etag) ? etag : undefined,
        gitBlob: hashed ? etag : undefined,
        limit: path.endsWith('.json') ? largestJson : path === model ? largestModel : 8 * largestModel,
        open: (from) => hub.read(commit, path, from),
        check: path === model ? (part) => checkOnnxFile(part, `hf:${name}/${path}`) : undefined,
        onProgress,
      });
    await cache.link(etag, commit, path);
  }
  const fetched = kept ?? (await intactModel({ cache, commit, model, name }));
  if (!fetched) throw hub.unexpected(`sent another ${model} than it described`);
  return fetched;
}

const isExternalData = (file: string) => /^model\.onnx(_data(_\d+)?|\.data)$/.test(file);
