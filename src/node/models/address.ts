import { createHash } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ThawError } from '../../errors.ts';
import { fileNameProblem } from '../../file-names.ts';
import { publicAddress } from '../../secrets.ts';
import { writeWhole } from './cache.ts';
import { download, type Progress } from './download.ts';
import type { ModelFiles } from './folder.ts';
import { allowedAddress, guarded, reasonOf } from './network.ts';
import { checkOnnxFile, digest } from './onnx-file.ts';

export interface FetchOptions {
  readonly cache: string;
  readonly fetch: typeof fetch;
  readonly onProgress?: (progress: Progress) => void;
}

/** Weights beyond this are refused: protobuf itself ends at 2 GiB a file. */
export const largestModel = 2 ** 31;
/** JSON beyond this is no configuration. */
export const largestJson = 16 * 2 ** 20;

/** What is known of a cached download, kept beside it. */
interface Source {
  readonly url: string;
  readonly sha256: string;
}

/**
 * The model at an address, from the cache where it has been fetched before. `#sha256=…` at the end of the address is verified.
 * The transformers.js JSON files beside it (or above it, where it is in `onnx/`) come along if they are there.
 * @throws ThawError `network`, `not-found` or `bad-model`
 */
export async function fetchAddress(address: string, options: FetchOptions): Promise<ModelFiles> {
  const url = allowedAddress(address);
  const sha256 = expectedSha256(url);
  url.hash = '';
  const file = fileName(url);
  const folder = join(options.cache, 'web', createHash('sha256').update(url.href).digest('hex').slice(0, 16));
  const path = join(folder, file);
  const where = publicAddress(url.href);
  const filesIn = (place: string, digest: string): ModelFiles => ({
    ...{ name: modelName(url), path: join(place, file), folder: place, sha256: digest },
    source: where === url.href ? address : `${where}#sha256=${digest}`,
  });
  const kept = await readSource(folder);
  if (kept && (!sha256 || sha256 === kept.sha256) && (await isWhole(path, kept))) return filesIn(folder, kept.sha256);
  const same = sha256 && (await keptElsewhere(dirname(folder), { url: where, sha256 }, file));
  if (same) return filesIn(same, sha256);

  const fetcher = guarded(options.fetch);
  // Before the model, so that a model in the cache always has the JSON files that belong to it.
  for (const json of CONFIGS) await fetchJson(url, json, folder, fetcher);
  await fetchModel(url, path, sha256, fetcher, options);
  const source: Source = { url: where, sha256: await digest(path) };
  await writeWhole(join(folder, 'source.json'), source);
  return filesIn(folder, source.sha256);
}

function expectedSha256({ hash, href }: URL): string | undefined {
  if (!hash) return undefined;
  const value = /^#sha256=([0-9a-f]{64})$/i.exec(hash)?.[1];
  if (value) return value.toLowerCase();
  throw new ThawError(
    'bad-config',
    `${hash} at the end of ${publicAddress(href.split('#')[0])} is no checksum`,
    'Write #sha256= and 64 digits',
  );
}

/** The address's last part, if it is a plain name: the folder is ours, the name only has to be harmless. */
const fileName = ({ pathname }: URL) => {
  const last = pathname.split('/').at(-1) ?? '';
  return /^[\w-][\w.-]{0,99}\.onnx$/i.test(last) && !fileNameProblem(last) ? last : 'model.onnx';
};

function modelName({ pathname, hostname }: URL): string {
  const repository = /\/([\w.-]+)\/(?:resolve|raw)\//.exec(pathname)?.[1];
  if (repository) return repository;
  const parts = pathname.split('/').filter((part) => /^[\w.-]+$/.test(part) && part !== 'onnx');
  const stem = parts.pop()?.replace(/\.onnx$/i, '');
  return (stem === 'model' ? parts.pop() : stem) || hostname;
}

async function readSource(folder: string): Promise<Source | undefined> {
  try {
    return JSON.parse(await readFile(join(folder, 'source.json'), 'utf8')) as Source;
  } catch {
    return undefined;
  }
}

const isWhole = async (path: string, { sha256 }: Source): Promise<boolean> =>
  (await digest(path).catch(() => '')) === sha256;

/** The folder of a download that was asked for with a user, a password or a query which are not written down. */
async function keptElsewhere(cache: string, wanted: Source, file: string): Promise<string | undefined> {
  for (const name of await readdir(cache).catch(() => [])) {
    const folder = join(cache, name);
    const kept = await readSource(folder);
    if (kept?.url === wanted.url && kept.sha256 === wanted.sha256 && (await isWhole(join(folder, file), kept)))
      return folder;
  }
  return undefined;
}

async function fetchModel(
  url: URL,
  path: string,
  sha256: string | undefined,
  fetcher: typeof fetch,
  { onProgress }: FetchOptions,
): Promise<void> {
  // Unencoded, so that the length is the file's and ranges are of the file.
  const headers = { 'accept-encoding': 'identity' };
  let first: Response | undefined = await fetcher(url, { headers });
  if (!first.ok) throw refused(first, url);
  const tag = first.headers.get('etag');
  const modified = first.headers.get('last-modified');
  // A weak tag does not promise the same bytes.
  const validator = tag && !tag.startsWith('W/') ? tag : modified;
  const length = first.headers.get('content-encoding') ? null : first.headers.get('content-length');
  try {
    await download({
      target: path,
      where: publicAddress(url.href),
      version: sha256 ?? validator ?? String(Date.now()),
      size: length === null ? undefined : Number(length),
      sha256,
      limit: largestModel,
      onProgress,
      check: (part) => checkOnnxFile(part, publicAddress(url.href)),
      open: async (from) => {
        const resume = from > 0 && validator !== null;
        let response = first;
        first = undefined;
        if (!response || resume) {
          await response?.body?.cancel();
          const range = { range: `bytes=${from}-`, 'if-range': validator ?? '' };
          response = await fetcher(url, { headers: resume ? { ...headers, ...range } : headers });
        }
        const start = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1];
        const partial = response.status === 206;
        if (!response.ok || (partial && Number(start) !== from)) throw refused(response, url);
        return { from: partial ? from : 0, body: response.body ?? empty() };
      },
    });
  } finally {
    await (first as Response | undefined)?.body?.cancel();
  }
}

async function* empty(): AsyncGenerator<Uint8Array> {}

/** A JSON file next to the model; one that is not there, or is a page instead of JSON, is left out. */
const CONFIGS = ['preprocessor_config.json', 'config.json', 'tokenizer.json', 'tokenizer_config.json'];

async function fetchJson(model: URL, file: string, folder: string, fetcher: typeof fetch): Promise<void> {
  const places = model.pathname.includes('/onnx/') ? ['./', '../'] : ['./'];
  for (const place of places) {
    const url = new URL(place + file, model);
    // The model's query may hold the key to the whole folder, or a signature for the model alone: then this is a 403.
    url.search = model.search;
    const response = await fetcher(url);
    if (response.status >= 500) throw refused(response, url);
    if (!response.ok) {
      await response.body?.cancel();
      continue;
    }
    const text = await readBounded(response, publicAddress(url.href));
    try {
      const value: unknown = JSON.parse(text);
      await writeWhole(join(folder, file), value);
      return;
    } catch (error) {
      // Some servers answer every address with their front page.
      if (!(error instanceof SyntaxError)) throw error;
    }
  }
  await rm(join(folder, file), { force: true });
}

async function readBounded(response: Response, where: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of response.body ?? empty()) {
      size += chunk.length;
      if (size > largestJson) throw new ThawError('network', `${where} is too large for a configuration`);
      chunks.push(chunk);
    }
  } catch (cause) {
    if (cause instanceof ThawError) throw cause;
    throw new ThawError('network', `the transfer of ${where} stopped: ${reasonOf(cause)}`, 'Try again', { cause });
  }
  return new TextDecoder().decode(Buffer.concat(chunks));
}

function refused({ status, statusText }: Response, url: URL): ThawError {
  const where = publicAddress(url.href);
  if (status === 404 || status === 410)
    return new ThawError('not-found', `there is nothing at ${where} (${status})`, 'Check the address');
  if (status === 401 || status === 403)
    return new ThawError(
      'network',
      `${where} may not be read without permission (${status})`,
      'Download it in a browser and give its path',
    );
  return new ThawError('network', `${where} answered ${status} ${statusText}`.trimEnd(), 'Try again later');
}
