import { existsSync, statSync } from 'node:fs';
import { mkdir, readdir, rm, rmdir, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { parse, stringify } from 'yaml';
import * as z from 'zod';
import { requireText, ThawError } from '../../errors.ts';
import { fileNameOf } from '../../file-names.ts';
import { parseJson } from '../../json.ts';
import type { Checkpoint, EpochRow } from '../../training/index.ts';
import {
  type Contents,
  codeOf,
  flushFolder,
  ignoring,
  makeFolder,
  readTextIfThere,
  removeLeftovers,
  replaceFolder,
  writeAtomically,
  writeError,
} from '../disk/index.ts';
import {
  type CheckpointKind,
  type LoadedCheckpoint,
  linkCheckpoint,
  loadCheckpoint,
  saveCheckpoint,
} from './checkpoint.ts';
import type { RunIdentity } from './identity.ts';
import { holdsLock, isLockFile, takeLock } from './lock.ts';
import { appendRow, readRows, rewriteRows } from './metrics-files.ts';
import { RowLog } from './row-log.ts';
import {
  isUnfinishedSource,
  type KnownSources,
  loadNotes,
  loadSource,
  type RunSource,
  rememberSource,
  saveSource,
} from './source.ts';

const CONFIG = 'config.yaml';
/** Facts about a run beyond its checkpoints and metrics. */
export const RECORD_FILE = 'record.json';
const CHECKPOINTS = 'checkpoints';
/** The last file of a finished run. */
export const REPORT_FILE = 'report.html';
/** The first file of a finished run. */
const MODEL_FILE = join('model', 'onnx', 'model.onnx');
/** Marks an unfinished directory. It contains a description, and the command that creates it. */
const UNFINISHED = 'unfinished.json';

/** A run directory that a command writes in one go, without a training that can resume. */
export interface Making {
  /** Completes "contains …". */
  readonly what: string;
  /** Creates it from the start. */
  readonly command: string;
}

/** A run directory for reading. It needs no lock, because every file in it is complete at any time. */
export class RunReader {
  /** @param path absolute */
  constructor(readonly path: string) {}

  get name(): string {
    return basename(this.path);
  }

  /** `config.yaml`, parsed. */
  async config(): Promise<Record<string, unknown>> {
    const path = join(this.path, CONFIG);
    const text = await readTextIfThere(path);
    try {
      const config: unknown = parse(text ?? '');
      if (typeof config === 'object' && config !== null && !Array.isArray(config))
        return config as Record<string, unknown>;
    } catch (cause) {
      throw new ThawError('run-directory', `cannot read ${path}: ${firstLine(cause)}`, 'Fix the file', { cause });
    }
    throw new ThawError('run-directory', `${path} contains no settings`, 'Fix the file');
  }

  /** @throws ThawError `run-directory` if the source is missing or damaged */
  source(): Promise<RunSource> {
    return loadSource(join(this.path, CHECKPOINTS));
  }

  /** How the run began, without its model. @throws ThawError `run-directory` if the file is missing or damaged */
  notes(): Promise<Omit<RunSource, 'model'>> {
    return loadNotes(join(this.path, CHECKPOINTS));
  }

  /** Adds its model files. */
  async rememberSource(known: KnownSources): Promise<void> {
    return rememberSource(join(this.path, CHECKPOINTS), known);
  }

  hasCheckpoint(kind: CheckpointKind): boolean {
    const folder = this.folderOf(kind);
    return ['checkpoint.safetensors', 'previous.safetensors'].some((file) => existsSync(join(folder, file)));
  }

  /**
   * The newest intact checkpoint. If a newer one is damaged, `notice` reports it.
   *
   * @throws ThawError `run-directory` if there is none
   */
  checkpoint(kind: CheckpointKind): Promise<LoadedCheckpoint> {
    return loadCheckpoint(this.folderOf(kind));
  }

  /**
   * The checkpoint to resume from: the newest intact one, or, if no last checkpoint is left, that of the best epoch.
   *
   * @returns undefined if the run has no checkpoint yet
   * @throws ThawError `run-directory` if all are damaged
   */
  async newest(): Promise<LoadedCheckpoint | undefined> {
    if (!this.hasCheckpoint('last')) return undefined;
    return this.checkpoint('last').catch(async (error: Error) => {
      if (!this.hasCheckpoint('best')) throw error;
      const best = await this.checkpoint('best');
      return { ...best, notice: `${error.message}; resuming from the best epoch, after step ${best.progress.step}` };
    });
  }

  /** The checkpoint to ship: that of the best epoch, or the last one if the best is lost or missing. */
  async shipped(last: LoadedCheckpoint): Promise<LoadedCheckpoint> {
    const { best, epoch, batch, step } = last.progress;
    if (!best) return last;
    // A kill between both checkpoints, and a resume elsewhere, can leave a best checkpoint of another epoch.
    return loadCheckpoint(this.folderOf('best'), best.epoch).catch((error: Error) => {
      if (epoch === best.epoch && batch === 0) return last;
      const lost = `the weights of the best epoch, ${best.epoch}, are lost (${error.message})`;
      return { ...last, notice: `${lost}; using those of the last step, ${step}` };
    });
  }

  protected folderOf(kind: CheckpointKind): string {
    return join(this.path, CHECKPOINTS, kind);
  }

  /** Whether the run has its model or its report. */
  has(what: 'model' | 'report'): boolean {
    const file = join(this.path, what === 'model' ? MODEL_FILE : REPORT_FILE);
    return existsSync(file) && statSync(file).isFile();
  }

  /** The rows of `metrics.jsonl`. */
  rows(): Promise<readonly EpochRow[]> {
    return readRows(this.path);
  }
}

const firstLine = (error: unknown): string => String((error as Error).message ?? error).split('\n')[0];

/** A run directory for writing. This process holds its lock until `release`. */
export class RunWriter extends RunReader {
  private identity: RunIdentity | undefined;
  private readonly saved = new Set<CheckpointKind>();
  /** The checkpoint that was saved last, without keeping its tensors in memory. */
  private latest: { readonly kind: CheckpointKind; readonly checkpoint: WeakRef<Checkpoint> } | undefined;
  private readonly rowLog = new RowLog(join(this.path, CHECKPOINTS));

  /** Use `createRun` or `resumeRun`. @param unlock releases the lock */
  constructor(
    path: string,
    private readonly unlock: () => Promise<void>,
  ) {
    super(path);
  }

  writeConfig(config: Record<string, unknown>): Promise<void> {
    return this.writeFile(CONFIG, stringify(config, { aliasDuplicateObjects: false }));
  }

  /** Throws if the folder was deleted, so that a write does not recreate a part of the run. */
  private assertThere(): void {
    if (holdsLock(this.path)) return;
    throw new ThawError(
      'run-directory',
      `${this.path} was deleted or moved during the run`,
      'Restore it and resume with `thaw resume`, or start again',
    );
  }

  /** Called once, before the first checkpoint. @param known model files of other runs, which the run can share */
  async saveSource(source: RunSource, known?: KnownSources): Promise<void> {
    this.assertThere();
    await saveSource(join(this.path, CHECKPOINTS), source, known);
    this.identity = source.identity;
  }

  /**
   * Writes `checkpoints/<kind>/` and keeps the previous one. A kill or a full disk leaves an intact checkpoint. After a best epoch, both
   * kinds are the same checkpoint and share a file.
   */
  async saveCheckpoint(kind: CheckpointKind, checkpoint: Checkpoint): Promise<void> {
    this.assertThere();
    this.identity ??= (await this.source()).identity;
    const notes = { identity: this.identity, rows: await this.rowLog.store(checkpoint.progress.rows) };
    const [folder, known] = [this.folderOf(kind), this.saved.has(kind)];
    const same = this.latest?.checkpoint.deref() === checkpoint ? this.latest.kind : kind;
    if (same === kind || !(await linkCheckpoint(this.folderOf(same), folder, known)))
      await saveCheckpoint(folder, checkpoint, notes, known);
    this.saved.add(kind);
    this.latest = { kind, checkpoint: new WeakRef(checkpoint) };
  }

  /** Adds an epoch to `results.csv`, `metrics.jsonl` and TensorBoard's event file. */
  async appendRow(row: EpochRow): Promise<void> {
    this.assertThere();
    return appendRow(this.path, row);
  }

  /** Makes the metrics files contain exactly these rows. On resume, they are those of the checkpoint. */
  async rewindRows(rows: readonly EpochRow[]): Promise<void> {
    this.assertThere();
    return rewriteRows(this.path, rows);
  }

  /** Writes `artifacts/stage-N/`, and replaces an existing one. @param stage counted from 1 */
  writeArtifacts(stage: number, files: ReadonlyMap<string, Contents>): Promise<void> {
    return this.writeFolder(join('artifacts', `stage-${stage}`), files);
  }

  /** Writes `model/`, and replaces an existing one. */
  writeModelFolder(files: ReadonlyMap<string, Contents>): Promise<void> {
    return this.writeFolder('model', files);
  }

  /** Writes `adapters/`, and replaces an existing one. */
  writeAdapters(files: ReadonlyMap<string, Contents>): Promise<void> {
    return this.writeFolder('adapters', files);
  }

  /** Writes any other file of the run, by its relative path. */
  async writeFile(file: string, contents: Contents): Promise<void> {
    this.assertThere();
    return writeAtomically(join(this.path, file), contents);
  }

  private async writeFolder(folder: string, files: ReadonlyMap<string, Contents>): Promise<void> {
    this.assertThere();
    return replaceFolder(join(this.path, folder), files);
  }

  /** Marks the directory as finished. */
  async markFinished(): Promise<void> {
    await rm(join(this.path, UNFINISHED), { force: true });
    await flushFolder(this.path);
  }

  /** Releases the lock, and removes an empty directory. */
  async release(): Promise<void> {
    await this.unlock();
    await rmdir(this.path).catch(() => undefined);
  }
}

/**
 * Creates a run directory and takes its lock.
 *
 * @param options `out` is its path; default: the first free `runs/<name of the data>-<n>`. With `making`, it replaces an unfinished directory,
 * and the caller must call `markFinished` at the end
 * @throws ThawError `run-directory` if `out` is not empty, or another process uses it
 */
export async function createRun({ out, data, making }: NewRun): Promise<RunWriter> {
  const path = out === undefined ? await freshFolder(data) : resolve(out);
  const there = await stat(path).catch(ignoring('ENOENT', 'ENOTDIR'));
  if (there && !there.isDirectory()) {
    throw new ThawError('run-directory', `${path} is a file, but a run needs a folder`, 'Choose another --out');
  }
  await makeFolder(path);
  const unlock = await takeLock(path);
  const contents = (await readdir(path)).filter((name) => !isLockFile(name) && !name.endsWith('.tmp'));
  const again = making !== undefined && contents.includes(UNFINISHED);
  if (contents.length === 0 || again || (await hasNoSource(path, contents))) {
    if (making) await writeAtomically(join(path, UNFINISHED), `${JSON.stringify(making)}\n`);
    for (const name of contents) if (name !== UNFINISHED) await rm(join(path, name), { recursive: true });
    await removeLeftovers(path);
    return new RunWriter(path, unlock);
  }
  await unlock();
  const unfinished = await unfinishedIn(path);
  if (unfinished) throw unfinishedError(out ?? path, unfinished);
  throw contents.includes(CONFIG) || contents.includes(CHECKPOINTS)
    ? new ThawError(
        'run-directory',
        `${out ?? path} already contains a run`,
        `Resume it: thaw resume ${out ?? path}, or choose another --out`,
      )
    : new ThawError('run-directory', `${out ?? path} is not empty`, 'Choose another --out');
}

export interface NewRun {
  readonly out?: string;
  readonly data: string;
  readonly making?: Making;
}

const makingSchema = z.object({ what: z.string(), command: z.string() });

/** The description of an unfinished directory. */
export async function unfinishedIn(path: string): Promise<Making | undefined> {
  const text = await readTextIfThere(join(path, UNFINISHED));
  if (text === undefined) return undefined;
  try {
    return parseJson(text, makingSchema, { what: UNFINISHED, hint: '' });
  } catch {
    return { what: 'the unfinished result of another command', command: 'that command, with the same --out' };
  }
}

/** Whether a run can be created at a path: nothing exists, or only unfinished output without content. */
export async function isFree(path: string): Promise<boolean> {
  const names = await readdir(path).catch(ignoring('ENOENT'));
  return !names || names.includes(UNFINISHED) || names.every((name) => isLockFile(name) || name.endsWith('.tmp'));
}

const unfinishedError = (path: string, { what, command }: Making): ThawError =>
  new ThawError('run-directory', `${path} contains ${what}, but it is unfinished`, `Run again: ${command}`);

/** Whether a run was killed before its source was saved, so that it cannot resume. */
async function hasNoSource(path: string, contents: readonly string[]): Promise<boolean> {
  const beginnings = [CONFIG, RECORD_FILE, CHECKPOINTS];
  if (!contents.includes(CONFIG) || !contents.every((name) => beginnings.includes(name))) return false;
  const inside = await namesIn(join(path, CHECKPOINTS));
  return inside.every(isUnfinishedSource);
}

/** Empty if the folder does not exist. */
const namesIn = async (folder: string): Promise<string[]> =>
  (await readdir(folder).catch(ignoring('ENOENT', 'ENOTDIR'))) ?? [];

async function freshFolder(data: string): Promise<string> {
  const name =
    fileNameOf(
      basename(resolve(data))
        .replace(/\.[a-z]+$/i, '')
        .replace(/[^\p{L}\p{N}._-]+/gu, '-'),
    ) || 'run';
  const parent = resolve('runs');
  await makeFolder(parent);
  for (let n = 1; ; n++) {
    const path = join(parent, `${name}-${n}`);
    try {
      await mkdir(path);
      await flushFolder(parent);
      return path;
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw writeError(error, path);
    }
  }
}

/** @throws ThawError `run-directory` if there is no run at the path */
export async function openRun(path: string): Promise<RunReader> {
  return new RunReader(await runAt(path));
}

/**
 * Opens a run to resume it: takes its lock, and removes the leftovers of a killed process.
 *
 * @throws ThawError `run-directory` if there is no run at the path, or another process uses it
 */
export async function resumeRun(path: string): Promise<RunWriter> {
  const absolute = await runAt(path);
  const unlock = await takeLock(absolute);
  const stages = await namesIn(join(absolute, 'artifacts'));
  const folders = [
    ...['.', CHECKPOINTS, join(CHECKPOINTS, 'last'), join(CHECKPOINTS, 'best'), 'plots', 'artifacts'],
    ...stages.map((stage) => join('artifacts', stage)),
  ];
  for (const folder of folders) await removeLeftovers(join(absolute, folder));
  return new RunWriter(absolute, unlock);
}

async function runAt(path: string): Promise<string> {
  requireText(path, 'run', 'Give the directory that `thaw train` made, such as runs/NAME');
  const absolute = resolve(path);
  const unfinished = await unfinishedIn(absolute);
  if (unfinished) throw unfinishedError(path, unfinished);
  if (existsSync(join(absolute, CONFIG))) return absolute;
  const there = existsSync(absolute);
  throw new ThawError(
    'run-directory',
    there ? `${path} is not a run: it has no ${CONFIG}` : `${path} does not exist`,
    'Give a directory from `thaw train`, such as runs/NAME',
  );
}
