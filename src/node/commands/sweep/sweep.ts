import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { requireText, ThawError } from '../../../errors.ts';
import { readSettings, type TrainSettings, type TrainSettingsInput, trainingConfigOf } from '../../../session/index.ts';
import { type Metric, merit, openTask, type Scores } from '../../../tasks/index.ts';
import { isAdaptive, parseConfig } from '../../../training/index.ts';
import { makeFolder, removeLeftovers, writeAtomically } from '../../disk/index.ts';
import { openRun, resumeRun, takeLock } from '../../run/index.ts';
import type { JobEvent, JobHooks, SharedByTrials } from '../events.ts';
import { pinnedModel, requireModel } from '../fetch-model.ts';
import type { TrainingResult } from '../finish.ts';
import { requireData } from '../inputs.ts';
import { shownPath } from '../paths.ts';
import { isFinished, readRecord } from '../record.ts';
import { resume } from '../resume.ts';
import { train } from '../train.ts';
import { writeResults } from './results.ts';
import { checkSpace, drawFrom, gridOf, gridSize, withValues } from './space.ts';
import {
  isSweep,
  planSchema,
  readState,
  STATE,
  type SweepPlan,
  type SweepPlanInput,
  type SweepState,
} from './state.ts';
import { best, isBelowMedian, rungs } from './stopping.ts';
import { meritAt, type RankedTrial, ranked, type Trial, type TrialRun } from './trials.ts';

export interface SweepRequest extends SweepPlanInput {
  readonly model: string;
  readonly data: string;
  /** Folder of the sweep, with a run directory for each trial. Default: the first free `sweeps/NAME`. */
  readonly out?: string;
  /** Settings of every trial. The sweep's values override them. */
  readonly settings?: TrainSettingsInput;
}

export type SweepEvent =
  | JobEvent
  | { readonly type: 'sweep'; readonly path: string; readonly trials: number; readonly done: number }
  /** A run of a trial starts or resumes, and trains at most to this epoch. */
  | {
      readonly type: 'trial';
      readonly trial: number;
      readonly trials: number;
      readonly seed: number;
      /** Number of seeds per trial. */
      readonly seeds: number;
      readonly values: Readonly<Record<string, unknown>>;
      readonly until: number | null;
    }
  | ({ readonly type: 'trial-end'; readonly trial: number } & TrialRun);

export interface SweepHooks extends Pick<JobHooks, 'signal' | 'sinks'> {
  readonly onEvent?: (event: SweepEvent) => void;
}

/** How a sweep ended. Plain data. */
export interface SweepOutcome {
  readonly status: 'finished' | 'interrupted';
  readonly path: string;
  readonly metric: Metric | null;
  /** The best first. */
  readonly trials: readonly RankedTrial[];
}

const DEFAULT_TRIALS = 12;
/** Settings of all trials. They share a feature cache. A diverging trial fails, because a rollback would change its learning rate. */
const TRIAL_SETTINGS = { cache: 'disk', artifacts: false, rollbacks: { most: 0 } } as const;
/** Trials that are compared at equal epochs have stages of fixed lengths. */
const FIXED_PLAN = { preset: 'gradual' } as const;

/**
 * Trains with many combinations of settings and ranks them. The same request resumes a stopped or killed sweep.
 *
 * @throws ThawError before any training, for every error that the user can fix, such as an unknown setting
 */
export async function sweep(request: SweepRequest, hooks: SweepHooks = {}): Promise<SweepOutcome> {
  const { model: spec, data, out, settings = {}, ...rest } = request;
  requireModel(spec);
  requireData(data);
  const plan = parseConfig(planSchema, rest);
  checkSpace(plan.try);
  const base = { ...TRIAL_SETTINGS, ...(plan.stop === 'none' ? {} : FIXED_PLAN), ...settings };
  const trials = trialsOf(plan, base);
  for (const { values } of trials) checkTrial(readSettings(withValues(base, values)), plan);
  const model = await pinnedModel(spec, hooks);
  const state: SweepState = { format: 1, model, data, settings: base, plan, metric: null, trials };
  const path = out === undefined ? freeFolder(data) : resolve(out);
  if (!isSweep(path)) {
    await makeFolder(path);
    return new Sweep(path, state, hooks).run();
  }
  const before = await readState(path);
  const same = (a: SweepState, b: SweepState) =>
    JSON.stringify([a.model, a.data, a.settings, a.plan]) === JSON.stringify([b.model, b.data, b.settings, b.plan]);
  // Compares with the plan as JSON stores it.
  if (same(before, JSON.parse(JSON.stringify(state)))) return new Sweep(path, before, hooks).run();
  throw new ThawError(
    'run-directory',
    `${shownPath(path)} contains another sweep`,
    `Resume it: thaw resume ${shownPath(path)}, or choose another --out`,
  );
}

/** Resumes a sweep. @throws ThawError `run-directory` if there is none */
export async function resumeSweep(path: string, hooks: SweepHooks = {}): Promise<SweepOutcome> {
  requireText(path, 'folder', 'Give the folder of a sweep');
  return new Sweep(resolve(path), await readState(resolve(path)), hooks).run();
}

function freeFolder(data: string): string {
  const name = basename(resolve(data)).replace(/\.[a-z]+$/i, '');
  for (let n = 1; ; n++) if (!existsSync(resolve('sweeps', `${name}-${n}`))) return resolve('sweeps', `${name}-${n}`);
}

function trialsOf(plan: SweepPlan, settings: TrainSettingsInput): Trial[] {
  const { search = Number.isFinite(gridSize(plan.try)) && !plan.trials ? 'grid' : 'random' } = plan;
  const seed = settings.seed ?? 0;
  const combinations =
    search === 'grid'
      ? gridOf(plan.try).slice(0, plan.trials)
      : drawFrom(plan.try, plan.trials ?? DEFAULT_TRIALS, seed);
  const seeds = plan.seeds ?? [seed];
  const digits = String(combinations.length).length;
  return combinations.map((values, i) => {
    const name = `trial-${String(i + 1).padStart(digits, '0')}`;
    const runs = seeds.map((one): TrialRun => {
      const path = seeds.length > 1 ? `${name}-seed-${one}` : name;
      return { seed: one, path, status: 'waiting', epochs: [], seconds: 0 };
    });
    return { number: i + 1, values, runs };
  });
}

/** @throws ThawError `bad-config` if trials of different lengths would be compared at equal epochs */
function checkTrial(settings: TrainSettings, { stop }: SweepPlan): void {
  if (stop === 'none' || !isAdaptive(trainingConfigOf(settings))) return;
  throw new ThawError(
    'bad-config',
    `stop ${stop} compares trials at equal epochs, and the preset adaptive decides its epochs itself`,
    'Use --stop none, or another preset',
  );
}

const epochsOf = ({ stages, epochs }: TrainSettings): number =>
  stages ? stages.reduce((all, stage) => all + stage.epochs, 0) : (epochs ?? 10);

/** Errors that affect only one trial. */
const TRIAL_ERRORS = new Set(['diverged', 'bad-config', 'unsupported-operator']);

class Sweep {
  private metric: Metric | null;
  private trials: Trial[];
  /** For trackers; none without them, so that the same sweep has the same files. */
  private readonly key: string | undefined;
  private readonly shared: SharedByTrials = { sources: new Map(), datasets: new Map() };

  constructor(
    private readonly path: string,
    private readonly state: SweepState,
    private readonly hooks: SweepHooks,
  ) {
    this.metric = state.metric;
    this.trials = [...state.trials];
    this.key = state.key ?? (hooks.sinks?.length ? randomUUID() : undefined);
  }

  async run(): Promise<SweepOutcome> {
    const unlock = await takeLock(this.path);
    try {
      await removeLeftovers(this.path);
      await this.save();
      await this.rememberSources();
      const done = this.trials.filter(({ runs }) => runs.every(isOver)).length;
      this.hooks.onEvent?.({ type: 'sweep', path: shownPath(this.path), trials: this.trials.length, done });
      const finished = await this[this.state.plan.stop]();
      await this.save();
      const outcome = { path: shownPath(this.path), metric: this.metric, trials: ranked(this.trials, this.metric) };
      if (finished && outcome.trials.every(({ rank }) => rank === null)) {
        const [{ message }] = outcome.trials;
        throw new ThawError('diverged', `all trials failed: ${message}`, 'Try other values');
      }
      return { status: finished ? 'finished' : 'interrupted', ...outcome };
    } finally {
      await unlock();
    }
  }

  /** Finds the model files of the trials before an interruption. */
  private async rememberSources(): Promise<void> {
    for (const { path } of this.trials.flatMap(({ runs }) => runs)) {
      const folder = join(this.path, path);
      // A trial that was killed at its start has none.
      if (existsSync(folder))
        await openRun(folder)
          .then((run) => run.rememberSource(this.shared.sources))
          .catch(() => undefined);
    }
  }

  /** Without early stopping. @returns false if the sweep was interrupted */
  private async none(): Promise<boolean> {
    for (const { number } of this.trials) if (!(await this.advance(number))) return false;
    return true;
  }

  private async median(): Promise<boolean> {
    for (const { number } of this.trials) {
      const others = () => this.trials.slice(0, number - 1).flatMap(({ runs }) => runs.map((run) => this.course(run)));
      const isPoor = (run: TrialRun) =>
        run.epochs.length >= this.state.plan.grace && isBelowMedian(this.course(run), others());
      if (!(await this.advance(number, undefined, isPoor))) return false;
    }
    return true;
  }

  /** A rung uses only the scores up to its epoch, so a resumed sweep makes the same decisions. */
  private async halving(): Promise<boolean> {
    const { settings, plan } = this.state;
    const epochs = Math.max(...this.trials.map(({ values }) => epochsOf(readSettings(withValues(settings, values)))));
    const all = rungs(epochs, this.trials.length, plan.grace, plan.keep);
    let alive = this.trials.map(({ number }) => number);
    for (const [i, rung] of all.entries()) {
      const last = i === all.length - 1;
      for (const number of alive) if (!(await this.advance(number, last ? undefined : rung))) return false;
      if (last || !this.metric) break;
      const { metric } = this;
      const merits = alive.map((number) => meritAt(this.trial(number), metric, rung));
      const chosen = best(merits, plan.keep).map((place) => alive[place]);
      for (const number of alive) if (!chosen.includes(number)) this.stopTrial(number);
      alive = chosen.sort((a, b) => a - b);
    }
    return true;
  }

  private trial(number: number): Trial {
    return this.trials[number - 1];
  }

  private course({ epochs }: TrialRun): number[] {
    return this.metric ? epochs.map((scores) => merit(this.metric as Metric, scores)) : [];
  }

  /** Marks a trial as stopped. */
  private stopTrial(number: number): void {
    for (const run of this.trial(number).runs) if (!isOver(run)) this.set(number, { ...run, status: 'stopped' });
  }

  private set(number: number, run: TrialRun): void {
    this.trials = this.trials.map((trial) =>
      trial.number === number
        ? { ...trial, runs: trial.runs.map((other) => (other.seed === run.seed ? run : other)) }
        : trial,
    );
  }

  /**
   * Trains a trial to an epoch, or to its end.
   *
   * @param isPoor called after each epoch; decides whether to stop the run for good
   * @returns false if the sweep was interrupted
   */
  private async advance(number: number, until?: number, isPoor?: (run: TrialRun) => boolean): Promise<boolean> {
    for (const run of this.trial(number).runs) {
      if (isOver(run) || (until !== undefined && run.status === 'paused' && run.epochs.length >= until)) continue;
      if (this.hooks.signal?.aborted) return false;
      const { values, runs } = this.trial(number);
      const of = { trial: number, trials: this.trials.length, seed: run.seed, seeds: runs.length };
      this.hooks.onEvent?.({ type: 'trial', ...of, values, until: until ?? null });
      const after = await this.trainRun(number, run, until, isPoor);
      this.set(number, after);
      await this.save();
      if (this.hooks.signal?.aborted && after.status === 'paused') return false;
      this.hooks.onEvent?.({ type: 'trial-end', trial: number, ...after });
    }
    return true;
  }

  /** Trains a run until it pauses or ends. */
  private async trainRun(
    number: number,
    run: TrialRun,
    until = Number.POSITIVE_INFINITY,
    isPoor: (run: TrialRun) => boolean = () => false,
  ): Promise<TrialRun> {
    const { signal, onEvent } = this.hooks;
    const stop = new AbortController();
    const interrupt = () => stop.abort();
    signal?.addEventListener('abort', interrupt);
    const epochs: Scores[] = [];
    let planned = 0;
    let poor = false;
    const stopIfDue = (): void => {
      if (epochs.length === 0 || epochs.length >= planned) return;
      poor = isPoor({ ...run, epochs });
      if (poor || epochs.length >= until) stop.abort();
    };
    const take = (event: JobEvent): void => {
      if (event.type === 'data') this.metric = event.metric;
      if (event.type === 'plan') {
        planned = event.stages.reduce((all, stage) => all + stage.epochs, 0);
        // A sweep that was killed after this run's last epoch resumes the run at the place where it has to stop.
        stopIfDue();
      }
      if (event.type === 'epoch') {
        epochs[event.epoch - 1] = event.val;
        stopIfDue();
      }
      onEvent?.(event);
    };
    try {
      const { key } = this;
      const sweep = key === undefined ? undefined : { name: basename(this.path), key };
      const { sinks } = this.hooks;
      const hooks = { onEvent: take, signal: stop.signal, sinks, sweep, shared: this.shared };
      const outcome = await this.startOrResume(number, run, epochs, hooks);
      const status = outcome.status === 'finished' ? 'finished' : poor ? 'stopped' : 'paused';
      return { ...run, status, epochs, seconds: outcome.seconds };
    } catch (error) {
      if (stop.signal.aborted && (error as Error).name === 'AbortError') return { ...run, status: 'paused', epochs };
      if (!(error instanceof ThawError && TRIAL_ERRORS.has(error.code))) throw error;
      return { ...run, status: 'failed', epochs, message: error.line };
    } finally {
      signal?.removeEventListener('abort', interrupt);
    }
  }

  /** Starts or resumes a run. @param epochs receives the scores of finished epochs */
  private async startOrResume(
    number: number,
    run: TrialRun,
    epochs: Scores[],
    hooks: JobHooks,
  ): Promise<Pick<TrainingResult, 'status' | 'seconds'>> {
    const { model, data, settings } = this.state;
    const path = join(this.path, run.path);
    const there = existsSync(join(path, 'config.yaml')) ? await openRun(path) : undefined;
    const last = await there?.newest();
    if (there && last) {
      const { progress } = last;
      epochs.push(...progress.rows.map(({ val }) => val));
      const record = await readRecord(there);
      if (!isFinished(there, record)) return resume(path, hooks);
      // Removes the lock and unfinished files of a process that was killed at the very end.
      await (await resumeRun(path)).release();
      if (record.task) this.metric = openTask(record.task).metric;
      return { status: 'finished', seconds: record.seconds };
    }
    await rm(path, { recursive: true, force: true });
    const values = withValues({ ...settings, seed: run.seed }, this.trial(number).values);
    const { task, ...own } = values as TrainSettingsInput;
    return train({ model, data, out: path, task, settings: own }, hooks);
  }

  /** Writes `sweep.json` and the table of current results. */
  private async save(): Promise<void> {
    const state: SweepState = { ...this.state, metric: this.metric, trials: this.trials, key: this.key };
    await writeAtomically(join(this.path, STATE), `${JSON.stringify(state, null, 2)}\n`);
    await writeResults(this.path, { ...state, ranked: ranked(this.trials, this.metric) });
  }
}

const isOver = ({ status }: TrialRun): boolean => status === 'finished' || status === 'failed' || status === 'stopped';
