import { existsSync } from 'node:fs';
import { mkdir, readFile, readlink, rename, symlink, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { ThawError } from '../../errors.ts';
import { codeOf, temporaryName, writeAtomically } from '../disk/index.ts';
import { cacheError } from './cache.ts';

export const isCommit = (revision: string): boolean => /^[0-9a-f]{40}$/.test(revision);

const fromHome = (path: string): string => path.replace(/^~(?=$|[\\/])/, homedir());

/** Hugging Face's own folder: `HF_HOME`, or `huggingface` in the user's cache folder. */
export function hubHome(): string {
  const { HF_HOME, XDG_CACHE_HOME } = process.env;
  return fromHome(HF_HOME || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'huggingface'));
}

/** Folder of the cache that Hugging Face's tools share. */
function hubCacheFolder(): string {
  const { HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE } = process.env;
  return fromHome(HF_HUB_CACHE || HUGGINGFACE_HUB_CACHE || join(hubHome(), 'hub'));
}

const isSet = (value: string | undefined): boolean => /^(1|on|yes|true)$/i.test(value ?? '');

/** Whether the user forbids the hub: `HF_HUB_OFFLINE`. */
export const isOffline = (): boolean => isSet(process.env.HF_HUB_OFFLINE || process.env.TRANSFORMERS_OFFLINE);

/** Errors of systems that have no symbolic links, or do not allow them to everyone. */
const NO_LINKS = ['EPERM', 'EACCES', 'ENOSYS', 'ENOTSUP', 'UNKNOWN'];

/**
 * A model in Hugging Face's cache, in the layout of Python's `huggingface_hub`: `blobs/ETAG` has the contents, `snapshots/COMMIT/FILE` links
 * to them, `refs/REVISION` has the commit of a branch or tag, and `.no_exist/COMMIT/FILE` marks files that the commit lacks.
 */
export class HubCache {
  private readonly folder: string;

  /** @param name `owner/name` */
  constructor(name: string) {
    this.folder = join(hubCacheFolder(), `models--${name.replace('/', '--')}`);
  }

  /** The last known commit of a branch or tag. A commit is its own. */
  async commitOf(revision: string): Promise<string | undefined> {
    if (isCommit(revision)) return revision;
    const commit = (await readFile(join(this.folder, 'refs', revision), 'utf8').catch(() => '')).trim();
    return isCommit(commit) ? commit : undefined;
  }

  /** Keeps the commit of a branch or tag. */
  async pin(revision: string, commit: string): Promise<void> {
    if (isCommit(revision) || (await this.commitOf(revision)) === commit) return;
    const path = join(this.folder, 'refs', revision);
    await this.writing(path, () => writeAtomically(path, commit));
  }

  snapshot(commit: string): string {
    return join(this.folder, 'snapshots', commit);
  }

  blob(etag: string): string {
    return join(this.folder, 'blobs', etag);
  }

  has(commit: string, file: string): boolean {
    return existsSync(join(this.snapshot(commit), file));
  }

  /** Whether the cache has the file, or knows that the commit lacks it. */
  knows(commit: string, file: string): boolean {
    return this.has(commit, file) || existsSync(join(this.folder, '.no_exist', commit, file));
  }

  /** The ETag of a file, which names its contents. Undefined on a system without links. */
  async etagOf(commit: string, file: string): Promise<string | undefined> {
    // Only the first link: the blob itself can be a link to contents that several models share.
    const target = await readlink(join(this.snapshot(commit), file)).catch(() => undefined);
    return target && basename(target);
  }

  async markMissing(commit: string, file: string): Promise<void> {
    const path = join(this.folder, '.no_exist', commit, file);
    await this.writing(path, () => writeFile(path, ''));
  }

  /** Adds the contents to a commit as a link. Without links, as on Windows, moves them there, as Python does. */
  async link(etag: string, commit: string, file: string): Promise<void> {
    const blob = this.blob(etag);
    const path = join(this.snapshot(commit), file);
    await this.writing(path, async () => {
      if (!isSet(process.env.HF_HUB_DISABLE_SYMLINKS)) {
        const link = temporaryName(path);
        try {
          await symlink(relative(dirname(path), blob), link);
          // Replaces a link of another process.
          await rename(link, path);
          return;
        } catch (error) {
          if (!NO_LINKS.includes(codeOf(error) ?? '')) throw error;
        }
      }
      await rename(blob, path);
    });
  }

  private async writing(path: string, write: () => Promise<unknown>): Promise<void> {
    const folder = dirname(path);
    try {
      await mkdir(folder, { recursive: true });
      await write();
    } catch (cause) {
      throw cacheError(folder, cause instanceof ThawError ? cause.cause : cause);
    }
  }
}
