import { readdir, readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve, sep } from 'node:path';
import { requireText, ThawError } from '../../errors.ts';
import { listed } from '../../listed.ts';
import { locate } from '../models/folder.ts';
import { isCommit, isOffline } from '../models/hub-cache.ts';
import { Hub, parseRepository } from '../models/hub-client.ts';
import { changedFiles, type LocalFile, prepareBranch, uploadFiles } from '../models/hub-push.ts';
import { endingWith } from '../models/network.ts';
import type { JobHooks } from './events.ts';

export interface PushRequest {
  /** A finished run, or a model folder. */
  readonly run: string;
  /** `owner/name`. */
  readonly repository: string;
  /** Whether everyone can see a new repository. Default: only its owner. */
  readonly public?: boolean;
  /** The branch. Thaw creates it if it is missing. Default: `main`. */
  readonly revision?: string;
  /** The commit's message. */
  readonly message?: string;
}

export interface PushOutcome {
  /** Address of the model's page. */
  readonly url: string;
  readonly repository: string;
  readonly revision: string;
  readonly visibility: 'private' | 'public';
  /** The commit with the files. Without changes, the last one of the branch. */
  readonly commit: string;
  /** Whether the push made a commit. */
  readonly changed: boolean;
  /** All files of the model, and whether this push changed them. */
  readonly files: readonly { readonly path: string; readonly bytes: number; readonly changed: boolean }[];
  /** Size of the changed files. */
  readonly bytes: number;
}

/**
 * Uploads a finished model to the Hugging Face hub: card, configuration and ONNX files, in one commit. Sends only changed files.
 *
 * @throws ThawError if there is no token, or the hub refuses
 */
export async function push(request: PushRequest, hooks: JobHooks = {}): Promise<PushOutcome> {
  const { run, repository, message = 'Upload a model trained with Thaw' } = request;
  requireText(run, 'run', 'Give a run directory');
  requireText(repository, 'repository', 'Give owner/name, such as ann/pets');
  const { name, revision: branch } = branchOf(repository, request.revision);
  const { folder, path } = await locate(run);
  if (resolve(run) === path)
    throw new ThawError('bad-config', `${run} is a file`, 'Give a run, or the folder with the model and its card');
  const files = await filesOf(folder, hooks);
  if (isOffline()) throw new ThawError('bad-config', 'HF_HUB_OFFLINE forbids a push', 'Unset HF_HUB_OFFLINE');
  const hub = await Hub.open(name, endingWith(hooks.signal, fetch));
  if (!hub.token)
    throw new ThawError(
      'bad-config',
      `a push to ${hub.endpoint.host} needs a token`,
      `Create one with write access at ${hub.endpoint.origin}/settings/tokens, and set HF_TOKEN (or run hf auth login)`,
    );
  const visibility: PushOutcome['visibility'] = request.public ? 'public' : 'private';
  const there = await prepareBranch(hub, { branch, visibility });
  noticeStale(there.files, files, { name, hooks });
  const changed = await changedFiles(hub, branch, there, files);
  const bytes = changed.reduce((sum, file) => sum + file.bytes, 0);
  const outcome = {
    url: branch === 'main' ? hub.page : `${hub.page}/tree/${encodeURIComponent(branch)}`,
    ...{ repository: name, revision: branch, visibility, bytes },
    files: files.map((file) => ({ path: file.path, bytes: file.bytes, changed: changed.includes(file) })),
  } as const;
  if (changed.length === 0) return { ...outcome, commit: there.commit, changed: false };
  hooks.onEvent?.({
    ...{ type: 'push', repository: name, revision: branch, visibility, bytes },
    files: changed.map((file) => file.path),
  });
  const commit = await uploadFiles(hub, changed, {
    ...{ branch, message, signal: hooks.signal },
    onProgress: (progress) => hooks.onEvent?.({ type: 'upload', ...progress }),
  });
  return { ...outcome, commit, changed: true };
}

function branchOf(repository: string, revision: string | undefined) {
  const target = parseRepository(revision === undefined ? repository : `${repository}@${revision}`);
  if (isCommit(target.revision))
    throw new ThawError('bad-config', `${target.revision} is a commit, not a branch`, 'Give a branch, such as main');
  return target;
}

/** What belongs to a model: its card, configuration, tokenizer and ONNX files. */
const SHIPPED = new RegExp(
  [
    '^(README\\.md|LICENSE|vocab\\.txt|merges\\.txt',
    '|((pre)?processor_|generation_)?config\\.json|tokenizer(_config)?\\.json|special_tokens_map\\.json|added_tokens\\.json|vocab\\.json',
    '|(onnx/)?[\\w.-]+\\.onnx(_data(_\\d+)?|\\.data)?)$',
  ].join(''),
);

async function filesOf(folder: string, { onEvent }: JobHooks): Promise<LocalFile[]> {
  const found = await Promise.all(['', 'onnx/'].map((place) => filesIn(folder, place)));
  const [shipped, others] = [found.flat().filter(isShipped), found.flat().filter((file) => !isShipped(file))];
  if (others.length)
    onEvent?.({
      type: 'notice',
      message: `not uploaded, because a model does not need it: ${listed(others.map(({ path }) => path))}`,
    });
  for (const { path } of shipped) if (/\.(md|json|txt)$/.test(path)) await checkPrivate(folder, path);
  return shipped;
}

const isShipped = ({ path }: LocalFile): boolean => SHIPPED.test(path);

async function filesIn(folder: string, place: string): Promise<LocalFile[]> {
  const names = (await readdir(join(folder, place)).catch(() => [])).filter((name) => !name.startsWith('.')).sort();
  const files = names.map(async (name) => {
    const file = join(folder, place, name);
    const info = await stat(file);
    return info.isFile() ? [{ path: place + name, file, bytes: info.size }] : [];
  });
  return (await Promise.all(files)).flat();
}

/** Thaw writes no paths of the machine into a model. The user can have added some. */
async function checkPrivate(folder: string, path: string): Promise<void> {
  const home = homedir();
  if (home.length < 2 || !(await readFile(join(folder, path), 'utf8')).includes(home + sep)) return;
  throw new ThawError(
    'bad-config',
    `${join(folder, path)} contains a path in ${home}, which everyone with access could read`,
    'Remove it from the file',
  );
}

/** Other weights of the repository would belong to the previous model. */
function noticeStale(
  there: readonly string[],
  files: readonly LocalFile[],
  { name, hooks }: { readonly name: string; readonly hooks: JobHooks },
): void {
  const stale = there.filter((path) => /\.onnx$/.test(path) && !files.some((file) => file.path === path));
  if (stale.length)
    hooks.onEvent?.({ type: 'notice', message: `${name} also has ${listed(stale)}, which this push leaves unchanged` });
}
