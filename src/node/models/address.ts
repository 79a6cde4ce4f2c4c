import { createHash } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ThawError } from '../../errors.ts';
import { fileNameProblem } from '../../file-names.ts';
import { publicAddress } from '../../secrets.ts';
import { writeJson } from './cache.ts';
import { download, type Progress } from './download.ts';
import type { ModelFiles } from './folder.ts';
import { allowedAddress, guarded, reasonOf } from './network.ts';
import { checkOnnxFile, digest } from './onnx-file.ts';

export interface FetchOptions {
  readonly cache: string;
  readonly fetch: typeof fetch;
  readonly onProgress?: (progress: Progress) => void;
  readonly onNotice?: (message: string) => void;
}

/** Maximum size of a model. A protobuf file has at most 2 GiB. */
export const largestModel = 2 ** 31;
/** Maximum size of a configuration. */
export const largestJson = 16 * 2 ** 20;

/** Facts about a cached download, stored next to it. */
interface Source {
  readonly url: string;
  readonly sha256: string;
}

/**
 * Downloads the model at an address, or takes it from the cache. Verifies a `#sha256=…` at the end of the address. Also downloads the JSON
 * files of transformers.js from the model's folder, or from the parent folder if the model is in `onnx/`.
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
  // JSON files come first, so that a model in the cache always has its JSON files.
  for (const json of CONFIGS) await fetchJson(url, json, folder, fetcher);
  await fetchModel(url, path, sha256, fetcher, options);
  const source: Source = { url: where, sha256: await digest(path) };
  await writeJson(join(folder, 'source.json'), source);
  return filesIn(folder, source.sha256);
}

function expectedSha256({ hash, href }: URL): string | undefined {
  if (!hash) return undefined;
  const value = /^#sha256=([0-9a-f]{64})$/i.exec(hash)?.[1];
  if (value) return value.toLowerCase();
  throw new ThawError(
    'bad-config',
    `${hash} at the end of ${publicAddress(href.split('#')[0])} is not a checksum`,
    'Write #sha256= and 64 hexadecimal digits',
  );
}

/** The last part of the address, if it is a safe file name. */
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

/** Folder of a download with a user, a password or a query, which Thaw does not store. */
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
  // Without compression, the length and the byte ranges are those of the file.
  const headers = { 'accept-encoding': 'identity' };
  let first: Response | undefined = await fetcher(url, { headers });
  if (!first.ok) throw refused(first, url);
  const tag = first.headers.get('etag');
  const modified = first.headers.get('last-modified');
  // A weak tag does not guarantee the same bytes.
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

/** JSON files next to the model. Missing ones, or HTML pages in their place, are skipped. */
const CONFIGS = ['preprocessor_config.json', 'config.json', 'tokenizer.json', 'tokenizer_config.json'];

async function fetchJson(model: URL, file: string, folder: string, fetcher: typeof fetch): Promise<void> {
  const places = model.pathname.includes('/onnx/') ? ['./', '../'] : ['./'];
  for (const place of places) {
    const url = new URL(place + file, model);
    // The model's query can be a key for the whole folder, or a signature for the model alone, which gives a 403.
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
      await writeJson(join(folder, file), value);
      return;
    } catch (error) {
      // Some servers answer every address with their home page.
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
    return new ThawError('not-found', `${where} does not exist (${status})`, 'Check the address');
  if (status === 401 || status === 403)
    return new ThawError(
      'network',
      `${where} requires permission (${status})`,
      'Download it in a browser, and give its path',
    );
  return new ThawError('network', `${where} answered ${status} ${statusText}`.trimEnd(), 'Try again later');
}
