import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ThawError } from '../../errors.ts';
import { hubHome, isCommit } from './hub-cache.ts';
import { allowedAddress, guarded, isRedirect } from './network.ts';

/** A repository of the hub at a revision: a branch, a tag or a commit. */
export interface Repository {
  /** `owner/name`. */
  readonly name: string;
  readonly revision: string;
}

/**
 * Reads `owner/name` or `owner/name@revision`, with or without `hf:`.
 * @throws ThawError `bad-config`
 */
export function parseRepository(spec: string): Repository {
  const bare = spec.replace(/^hf:/, '');
  const name = /^[\w.-]+\/[\w.-]+(?=@|$)/.exec(bare)?.[0];
  const revision = name && bare.length > name.length ? bare.slice(name.length + 1) : 'main';
  const dots = name?.split('/').some((part) => /^\.|\.\./.test(part));
  if (!name || dots || !/^[\w.-]+(\/[\w.-]+)*$/.test(revision) || revision.split('/').includes('..'))
    throw new ThawError(
      'bad-config',
      `hf:${bare} is not a model of the hub`,
      'Write hf:owner/name or hf:owner/name@revision, such as hf:Xenova/resnet-18',
    );
  return { name, revision };
}

/** A file of the hub. */
export interface RemoteFile {
  readonly commit: string;
  /** SHA-256 of a large file, Git SHA-1 of a small one. */
  readonly etag: string;
  readonly size?: number;
}

/** A revision of a repository. */
export interface RemoteRevision {
  readonly commit: string;
  readonly files: readonly string[];
  readonly isPrivate?: boolean;
}

/** `HF_TOKEN`, or the token that Hugging Face's command line stores after a login. */
async function accessToken(): Promise<string | undefined> {
  const { HF_TOKEN, HUGGING_FACE_HUB_TOKEN, HF_TOKEN_PATH } = process.env;
  const path = HF_TOKEN_PATH || join(hubHome(), 'token');
  const token = (HF_TOKEN || HUGGING_FACE_HUB_TOKEN || (await readFile(path, 'utf8').catch(() => ''))).trim();
  if (token && !token.startsWith('hf_'))
    throw new ThawError(
      'bad-config',
      `${HF_TOKEN || HUGGING_FACE_HUB_TOKEN ? 'HF_TOKEN' : path} is not a Hugging Face token: it does not start with hf_`,
      'Unset or fix it',
    );
  return token || undefined;
}

/** Seconds to wait for facts about a repository, as in Python. Transfers can take longer. */
const patience = (): number => Number(process.env.HF_HUB_ETAG_TIMEOUT) || 10;

const shortly: (fetcher: typeof fetch) => typeof fetch = (fetcher) => (input, init) =>
  fetcher(input, { ...init, signal: AbortSignal.timeout(patience() * 1000) });

/** The parts of the library's `HubApiError` that Thaw uses. */
interface ApiError extends Error {
  readonly statusCode: number;
}

export const statusOf = (error: unknown): number | undefined => (error as Partial<ApiError> | undefined)?.statusCode;

/** Whether an error of `Hub` says that there is no such repository or revision. */
export const isMissing = (error: unknown): boolean => error instanceof ThawError && error.code === 'not-found';

/** One model's repository on the hub, with errors that tell the user how to fix them. */
export class Hub {
  private constructor(
    readonly endpoint: URL,
    readonly name: string,
    readonly token: string | undefined,
    readonly fetch: typeof globalThis.fetch,
  ) {}

  /** `HF_ENDPOINT` and `HF_TOKEN` work as in Hugging Face's tools. */
  static async open(name: string, fetcher: typeof fetch): Promise<Hub> {
    const endpoint = allowedAddress(process.env.HF_ENDPOINT || 'https://huggingface.co');
    return new Hub(endpoint, name, await accessToken(), guarded(fetcher));
  }

  get page(): string {
    return `${this.endpoint.href.replace(/\/$/, '')}/${this.name}`;
  }

  /** What all functions of the library take. */
  get shared() {
    return {
      hubUrl: this.endpoint.href.replace(/\/$/, ''),
      fetch: this.fetch,
      ...(this.token ? { accessToken: this.token } : {}),
    };
  }

  /** Commit and files of a revision. */
  async list(revision: string): Promise<RemoteRevision> {
    // The library loads only when needed.
    const { modelInfo } = await import('@huggingface/hub');
    return this.ask(revision, async () => {
      const { name } = this;
      const fields = ['sha', 'filePaths'] as const;
      const quick = { ...this.shared, fetch: shortly(this.fetch) };
      const info = await modelInfo({ ...quick, name, revision, additionalFields: [...fields] });
      const commit = info.sha;
      if (!isCommit(String(commit))) throw this.unexpected('names no commit');
      // Some mirrors list files only as a tree.
      const files = info.filePaths.length ? info.filePaths : [...(await this.contents(commit)).keys()];
      return { commit, files, isPrivate: info.private };
    });
  }

  /** SHA-256 of each large file, and Git SHA-1 of each small one, by path. */
  async contents(revision: string): Promise<ReadonlyMap<string, string | undefined>> {
    const { listFiles } = await import('@huggingface/hub');
    return this.ask(revision, async () => {
      const ids = new Map<string, string | undefined>();
      const asked = { ...this.shared, fetch: shortly(this.fetch), repo: this.name, revision, recursive: true };
      for await (const { type, path, lfs, oid } of listFiles(asked))
        if (type === 'file') ids.set(path, lfs?.oid ?? oid);
      return ids;
    });
  }

  /** Facts about a file; undefined if the revision does not have it. Does not follow the redirect to its contents. */
  async describe(revision: string, path: string): Promise<RemoteFile | undefined> {
    const fetcher = shortly(this.fetch);
    let url = this.fileAddress(revision, path);
    for (let hop = 0; ; hop++) {
      const response = await fetcher(url, { method: 'HEAD', redirect: 'manual', headers: this.headers });
      const fact = (name: string) => response.headers.get(name) ?? undefined;
      const commit = fact('x-repo-commit');
      const next = new URL(fact('location') ?? '', url);
      // A renamed repository redirects to its new name.
      if (isRedirect(response) && !commit && next.origin === url.origin && hop < 5) {
        url = next;
        continue;
      }
      if (response.status === 404 && (commit || fact('x-error-code') === 'EntryNotFound')) return undefined;
      if (!response.ok && !isRedirect(response)) throw this.refused(response.status, revision);
      const size = fact('x-linked-size') ?? (isRedirect(response) ? undefined : fact('content-length'));
      const etag = (fact('x-linked-etag') ?? fact('etag'))?.replace(/^W\//, '').replaceAll('"', '');
      if (!commit || !isCommit(commit) || !etag || !/^[\w-][\w.-]{0,199}$/.test(etag))
        throw this.unexpected(`gives no commit or ETag of ${path}`);
      return { commit, etag, ...(size !== undefined && { size: Number(size) }) };
    }
  }

  /** Starts the transfer of a file at a byte, or at 0 if the server does not support ranges. */
  async read(commit: string, path: string, from: number) {
    const headers = { ...this.headers, ...(from > 0 && { range: `bytes=${from}-` }) };
    const response = await this.fetch(this.fileAddress(commit, path), { headers });
    if (!response.ok || !response.body) throw this.refused(response.status, commit);
    const start = Number(/^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1] ?? 0);
    if (start !== 0 && start !== from) throw this.unexpected(`sent other bytes of ${path}`);
    return { from: start, body: response.body };
  }

  private fileAddress(revision: string, path: string): URL {
    const parts = path.split('/').map(encodeURIComponent).join('/');
    return new URL(`${this.page}/resolve/${encodeURIComponent(revision)}/${parts}`);
  }

  private get headers(): Record<string, string> {
    // Without compression, the length and the byte ranges are those of the file.
    return { 'accept-encoding': 'identity', ...(this.token && { authorization: `Bearer ${this.token}` }) };
  }

  /** Asks the library, and turns its errors into Thaw's. */
  private async ask<T>(revision: string, question: () => Promise<T>): Promise<T> {
    try {
      return await question();
    } catch (error) {
      if (error instanceof ThawError) throw error;
      const status = statusOf(error);
      throw status === undefined
        ? this.unexpected(String((error as Error).message))
        : this.refused(status, revision, error);
    }
  }

  unexpected(what: string): ThawError {
    return new ThawError(
      'network',
      `${this.endpoint.host} ${what} (hf:${this.name})`.replace(/\s+/g, ' '),
      'Check HF_ENDPOINT, or try again later',
    );
  }

  private refused(status: number, revision: string, cause?: unknown): ThawError {
    const { name, page } = this;
    if (status === 404)
      return new ThawError(
        'not-found',
        `hf:${name} has no revision ${revision}, or there is no such model`,
        `See ${page}, or thaw models for starting points`,
        { cause },
      );
    if (status === 401 || status === 403)
      return new ThawError(
        'network',
        `hf:${name} is private, gated or does not exist (${status})`,
        this.token
          ? `Accept its terms at ${page} with the account of HF_TOKEN`
          : `Accept its terms at ${page} and set HF_TOKEN to a token of your account`,
        { cause },
      );
    return new ThawError(
      'network',
      `${this.endpoint.host} answered ${status} for hf:${name}`,
      status === 429 ? 'Wait a while, or set HF_TOKEN' : 'Try again later',
      { cause },
    );
  }
}
