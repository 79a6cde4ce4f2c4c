import { cp, mkdir, readdir, stat } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import { requireText, ThawError } from '../../errors.ts';
import { parseRepository } from '../models/hub-client.ts';
import type { JobHooks } from './events.ts';
import { fetchModel } from './fetch-model.ts';
import { shownPath } from './paths.ts';

export interface PullRequest {
  /** `owner/name`, optionally with `@revision`. */
  readonly repository: string;
  /** A branch, tag or commit. Default: `main`. */
  readonly revision?: string;
  /** Also copies the files to a new folder. */
  readonly out?: string;
}

export interface PullOutcome {
  /** What `<model>` takes. */
  readonly model: string;
  readonly commit: string;
  /** The folder with the files: in Hugging Face's cache, or `out`. */
  readonly folder: string;
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
  readonly sha256: string;
}

/** Downloads a model of the hub into Hugging Face's cache, as `hf:owner/name` does. */
export async function pull({ repository, revision, out }: PullRequest, hooks: JobHooks = {}): Promise<PullOutcome> {
  requireText(repository, 'repository', 'Give owner/name, such as Xenova/resnet-18');
  const target = parseRepository(revision === undefined ? repository : `${repository}@${revision}`);
  const isMain = target.revision === 'main';
  const model = `hf:${target.name}${isMain ? '' : `@${target.revision}`}`;
  const { folder, commit = '', sha256 } = await fetchModel(model, hooks);
  const copied = out === undefined ? undefined : await copy(folder, resolve(out));
  const found = await readdir(folder, { recursive: true });
  const files = await Promise.all(
    found.map(async (path) => ({ path: path.split(sep).join('/'), info: await stat(join(folder, path)) })),
  );
  return {
    model,
    commit,
    folder: copied ?? folder,
    files: files
      .filter(({ info }) => info.isFile())
      .map(({ path, info }) => ({ path, bytes: info.size }))
      .sort((a, b) => (a.path < b.path ? -1 : 1)),
    sha256: await sha256(),
  };
}

/** Copies the contents, not the links of the cache. */
async function copy(folder: string, out: string): Promise<string> {
  if ((await readdir(out).catch(() => [])).length)
    throw new ThawError('bad-config', `${shownPath(out)} is not empty`, 'Give a new folder');
  await mkdir(out, { recursive: true });
  await cp(folder, out, { recursive: true, dereference: true });
  return out;
}
