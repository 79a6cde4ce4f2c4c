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
  explained,
  flushFolder,
  ignoring,
  makeFolder,
  readTextIfThere,
  removeLeftovers,
  replaceFolder,
  writeAtomically,
} from '../disk/index.ts';
import { type CheckpointKind, type LoadedCheckpoint, loadCheckpoint, saveCheckpoint } from './checkpoint.ts';
import type { RunIdentity } from './identity.ts';
import { holdsLock, isLockFile, takeLock } from './lock.ts';
import { appendRow, readRows, rewriteRows } from './metrics-files.ts';
import { isUnfinishedSource, loadSource, type RunSource, saveSource } from './source.ts';

const CONFIG = 'config.yaml';
/** What a run tells of itself beyond checkpoints and metrics. */
export const RECORD_FILE = 'record.json';
const CHECKPOINTS = 'checkpoints';
/** The last file of a finished run. */
export const REPORT_FILE = 'report.html';
/** The first file of a finished run. */
const MODEL_FILE = join('model', 'onnx', 'model.onnx');
/** Beside what is being made in one go: what it is, and what makes it. */
const UNFINISHED = 'unfinished.json';

/** A run directory that a command makes in one go, not by a training that goes on. */
export interface Making {
  /** As in "holds …". */
  readonly what: string;
  /** Makes it again from the start. */
  readonly command: string;
}

/** A run directory that is only read: no lock is needed, since every file in it is whole at any time. */
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
    throw new ThawError('run-directory', `${path} holds no settings`, 'Fix the file');
  }

  /** @throws ThawError `run-directory` where it is missing or damaged */
  source(): Promise<RunSource> {
    return loadSource(join(this.path, CHECKPOINTS));
  }

  hasCheckpoint(kind: CheckpointKind): boolean {
    const folder = this.folderOf(kind);
    return ['checkpoint.safetensors', 'previous.safetensors'].some((file) => existsSync(join(folder, file)));
  }

  /**
   * The newest whole checkpoint; its `notice` says so if that is not the newest.
   *
   * @throws ThawError `run-directory` where there is none
   */
  checkpoint(kind: CheckpointKind): Promise<LoadedCheckpoint> {
    return loadCheckpoint(this.folderOf(kind));
  }

  /**
   * From where the run goes on: its newest whole checkpoint, or where none is left of the last, that of its best epoch.
   *
   * @returns undefined where none was made yet
   * @throws ThawError `run-directory` where all are damaged
   */
  async newest(): Promise<LoadedCheckpoint | undefined> {
    if (!this.hasCheckpoint('last')) return undefined;
    return this.checkpoint('last').catch(async (error: Error) => {
      if (!this.hasCheckpoint('best')) throw error;
      const best = await this.checkpoint('best');
      return { ...best, notice: `${error.message}; going on from the best epoch, after step ${best.progress.step}` };
    });
  }

  /** What the run ships: the checkpoint of its best epoch, or where that is lost or there is none, the last one. */
  async shipped(last: LoadedCheckpoint): Promise<LoadedCheckpoint> {
    const { best, epoch, batch, step } = last.progress;
    if (!best) return last;
    // Killed between the two and gone on elsewhere, a run may have one of an epoch that came out otherwise then.
    return loadCheckpoint(this.folderOf('best'), best.epoch).catch((error: Error) => {
      if (epoch === best.epoch && batch === 0) return last;
      const lost = `the weights of the best epoch, ${best.epoch}, are lost (${error.message})`;
      return { ...last, notice: `${lost}; taking those of the last step, ${step}` };
    });
  }

  protected folderOf(kind: CheckpointKind): string {
    return join(this.path, CHECKPOINTS, kind);
  }

  /** Whether the run has its model, and its report if one is asked for. */
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

/** A run directory that this process writes, whose lock it holds until `release`. */
export class RunWriter extends RunReader {
  private identity: RunIdentity | undefined;
  private readonly saved = new Set<CheckpointKind>();

  /** Use `createRun` or `resumeRun`. @param unlock gives the lock back */
  constructor(
    path: string,
    private readonly unlock: () => Promise<void>,
  ) {
    super(path);
  }

  writeConfig(config: Record<string, unknown>): Promise<void> {
    return this.writeFile(CONFIG, stringify(config, { aliasDuplicateObjects: false }));
  }

  /** A folder that was deleted meanwhile must not come back with a part of the run in it. */
  private assertThere(): void {
    if (holdsLock(this.path)) return;
    throw new ThawError(
      'run-directory',
      `${this.path} was deleted or moved while the run was at work in it`,
      'Put it back and continue with `thaw resume`, or start again',
    );
  }

  /** Once, before the first checkpoint. */
  async saveSource(source: RunSource): Promise<void> {
    this.assertThere();
    await saveSource(join(this.path, CHECKPOINTS), source);
    this.identity = source.identity;
  }

  /** Writes `checkpoints/<kind>/`, keeping the one before. A kill or a full disk leaves a whole one. */
  async saveCheckpoint(kind: CheckpointKind, checkpoint: Checkpoint): Promise<void> {
    this.assertThere();
    this.identity ??= (await this.source()).identity;
    await saveCheckpoint(this.folderOf(kind), checkpoint, this.identity, this.saved.has(kind));
    this.saved.add(kind);
  }

  /** Adds an epoch to `results.csv`, `metrics.jsonl` and TensorBoard's event file. */
  async appendRow(row: EpochRow): Promise<void> {
    this.assertThere();
    return appendRow(this.path, row);
  }

  /** Makes the metrics files hold exactly these rows: on resume, those of the checkpoint's progress. */
  async rewindRows(rows: readonly EpochRow[]): Promise<void> {
    this.assertThere();
    return rewriteRows(this.path, rows);
  }

  /** `artifacts/stage-N/`, in place of what was there. @param stage counted from 1 */
  writeArtifacts(stage: number, files: ReadonlyMap<string, Contents>): Promise<void> {
    return this.writeFolder(join('artifacts', `stage-${stage}`), files);
  }

  /** `model/`, in place of what was there. */
  writeModelFolder(files: ReadonlyMap<string, Contents>): Promise<void> {
    return this.writeFolder('model', files);
  }

  /** `adapters/`, in place of what was there. */
  writeAdapters(files: ReadonlyMap<string, Contents>): Promise<void> {
    return this.writeFolder('adapters', files);
  }

  /** Any other file of the run, by its path within it. */
  async writeFile(file: string, contents: Contents): Promise<void> {
    this.assertThere();
    return writeAtomically(join(this.path, file), contents);
  }

  private async writeFolder(folder: string, files: ReadonlyMap<string, Contents>): Promise<void> {
    this.assertThere();
    return replaceFolder(join(this.path, folder), files);
  }

  /** What was made in one go is whole. */
  async madeWhole(): Promise<void> {
    await rm(join(this.path, UNFINISHED), { force: true });
    await flushFolder(this.path);
  }

  /** Gives the lock back. A directory in which nothing was written is removed. */
  async release(): Promise<void> {
    await this.unlock();
    await rmdir(this.path).catch(() => undefined);
  }
}

/**
 * Makes a new run directory and takes its lock.
 *
 * @param options `out` is its path; without it the first free `runs/<name of the data>-<n>` is taken. What is made in one go (`making`) takes
 * the place of what was left of another try, and calls `madeWhole` at its end
 * @throws ThawError `run-directory` when there is something at `out`, or another process is at work there
 */
export async function createRun({ out, data, making }: NewRun): Promise<RunWriter> {
  const path = out === undefined ? await freshFolder(data) : resolve(out);
  const there = await stat(path).catch(ignoring('ENOENT', 'ENOTDIR'));
  if (there && !there.isDirectory()) {
    throw new ThawError('run-directory', `${path} is a file, and a run is a folder`, 'Choose another --out');
  }
  await makeFolder(path);
  const unlock = await takeLock(path);
  const contents = (await readdir(path)).filter((name) => !isLockFile(name) && !name.endsWith('.tmp'));
  const again = making !== undefined && contents.includes(UNFINISHED);
  if (contents.length === 0 || again || (await neverBegan(path, contents))) {
    if (making) await writeAtomically(join(path, UNFINISHED), `${JSON.stringify(making)}\n`);
    for (const name of contents) if (name !== UNFINISHED) await rm(join(path, name), { recursive: true });
    await removeLeftovers(path);
    return new RunWriter(path, unlock);
  }
  await unlock();
  const unfinished = await unfinishedIn(path);
  if (unfinished) throw cutOff(out ?? path, unfinished);
  throw contents.includes(CONFIG) || contents.includes(CHECKPOINTS)
    ? new ThawError(
        'run-directory',
        `${out ?? path} already holds a run`,
        `Go on with it: thaw resume ${out ?? path}, or choose another --out`,
      )
    : new ThawError('run-directory', `${out ?? path} is not empty`, 'Choose another --out');
}

export interface NewRun {
  readonly out?: string;
  readonly data: string;
  readonly making?: Making;
}

const makingSchema = z.object({ what: z.string(), command: z.string() });

/** What a directory was to become, if it was cut off. */
export async function unfinishedIn(path: string): Promise<Making | undefined> {
  const text = await readTextIfThere(join(path, UNFINISHED));
  if (text === undefined) return undefined;
  try {
    return parseJson(text, makingSchema, { what: UNFINISHED, hint: '' });
  } catch {
    return { what: 'what another command was making', command: 'that command, with the same --out' };
  }
}

/** Whether a run can be made at a path: nothing is there, or what was cut off before there was anything in it. */
export async function isFree(path: string): Promise<boolean> {
  const names = await readdir(path).catch(ignoring('ENOENT'));
  return !names || names.includes(UNFINISHED) || names.every((name) => isLockFile(name) || name.endsWith('.tmp'));
}

const cutOff = (path: string, { what, command }: Making): ThawError =>
  new ThawError('run-directory', `${path} holds ${what}, cut off before it was whole`, `Make it again: ${command}`);

/** A run that was killed before its source was whole: there is nothing to go on with. */
async function neverBegan(path: string, contents: readonly string[]): Promise<boolean> {
  const beginnings = [CONFIG, RECORD_FILE, CHECKPOINTS];
  if (!contents.includes(CONFIG) || !contents.every((name) => beginnings.includes(name))) return false;
  const inside = await namesIn(join(path, CHECKPOINTS));
  return inside.every(isUnfinishedSource);
}

/** None where there is no folder. */
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
      if (codeOf(error) !== 'EEXIST') throw explained(error, path);
    }
  }
}

/** @throws ThawError `run-directory` when there is no run at the path */
export async function openRun(path: string): Promise<RunReader> {
  return new RunReader(await runAt(path));
}

/**
 * Opens a run to go on with it: takes its lock and removes what a killed process left unfinished.
 *
 * @throws ThawError `run-directory` when there is no run at the path, or another process is at work there
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
  if (unfinished) throw cutOff(path, unfinished);
  if (existsSync(join(absolute, CONFIG))) return absolute;
  const there = existsSync(absolute);
  throw new ThawError(
    'run-directory',
    there ? `${path} is not a run: it has no ${CONFIG}` : `there is no run at ${path}`,
    'Give the directory that `thaw train` made, such as runs/NAME',
  );
}
