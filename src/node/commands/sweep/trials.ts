/** The trials of a sweep as plain data, and their ranking. */
import { type Metric, merit, metricOf, type Scores } from '../../../tasks/index.ts';
import type { Values } from './space.ts';

/**
 * `paused`: can resume after a rung or an interruption. `stopped`: ended early by the stopping rule. `failed`: has a `message`.
 */
export const RUN_STATUSES = ['waiting', 'paused', 'stopped', 'finished', 'failed'] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];

/** The run directory of a trial for one seed. */
export interface TrialRun {
  readonly seed: number;
  /** Path relative to the sweep's folder. */
  readonly path: string;
  readonly status: RunStatus;
  /** Validation scores after each epoch. */
  readonly epochs: readonly Scores[];
  readonly seconds: number;
  readonly message?: string;
}

export interface Trial {
  /** Counted from 1. */
  readonly number: number;
  readonly values: Values;
  readonly runs: readonly TrialRun[];
}

/** A trial with its rank and results; means over the seeds if there are several. */
export interface RankedTrial {
  /** Rank from 1; null without a finished epoch. */
  readonly rank: number | null;
  readonly number: number;
  readonly values: Values;
  readonly status: RunStatus;
  /** Minimum over its runs. */
  readonly epochs: number;
  /** Best metric of each run, and the loss of the same epoch; means over the runs. */
  readonly metric: number | null;
  readonly loss: number | null;
  /** Standard deviation of the metric over the seeds, if there are several. */
  readonly std: number | null;
  readonly seconds: number;
  readonly paths: readonly string[];
  readonly message?: string;
}

const mean = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0) / values.length;

/** From least to most advanced. A trial has the status of its least advanced run. */
const ORDER: readonly RunStatus[] = ['failed', 'stopped', 'waiting', 'paused', 'finished'];
export const statusOf = ({ runs }: Trial): RunStatus =>
  ORDER.find((status) => runs.some((run) => run.status === status)) ?? 'waiting';

/** The best epoch of a run among its first epochs; undefined if it has none. */
export function bestOf({ epochs }: TrialRun, metric: Metric, first = epochs.length): Scores | undefined {
  return epochs
    .slice(0, first)
    .reduce<Scores | undefined>(
      (best, scores) =>
        !best ||
        merit(metric, scores) > merit(metric, best) ||
        (merit(metric, scores) === merit(metric, best) && scores.loss < best.loss)
          ? scores
          : best,
      undefined,
    );
}

/** Score of a trial after so many epochs; larger is better. −∞ if a run has no epoch. */
export function meritAt(trial: Trial, metric: Metric, epochs: number): number {
  const bests = trial.runs.map((run) => bestOf(run, metric, epochs));
  return bests.every((scores) => scores !== undefined)
    ? mean(bests.map((scores) => merit(metric, scores!)))
    : Number.NEGATIVE_INFINITY;
}

/** The trials, best first. Fully trained trials come before the others. */
export function ranked(trials: readonly Trial[], metric: Metric | null): RankedTrial[] {
  const rows = trials.map((trial) => describe(trial, metric));
  const done = ({ status }: RankedTrial) => Number(status === 'finished');
  const good = ({ metric: value }: RankedTrial) =>
    value === null || !metric ? Number.NEGATIVE_INFINITY : metric.better === 'higher' ? value : -value;
  const order = rows.sort(
    (a, b) =>
      Number(a.metric === null) - Number(b.metric === null) ||
      done(b) - done(a) ||
      good(b) - good(a) ||
      (a.loss ?? 0) - (b.loss ?? 0) ||
      a.number - b.number,
  );
  return order.map((row, i) => ({ ...row, rank: row.metric === null ? null : i + 1 }));
}

function describe(trial: Trial, metric: Metric | null): Omit<RankedTrial, 'rank'> & { rank: null } {
  const { runs } = trial;
  const bests = metric ? runs.flatMap((run) => bestOf(run, metric) ?? []) : [];
  const values = metric ? bests.map((scores) => metricOf(metric, scores)) : [];
  const whole = bests.length === runs.length && runs.length > 0;
  const average = whole ? mean(values) : null;
  return {
    rank: null,
    number: trial.number,
    values: trial.values,
    status: statusOf(trial),
    epochs: Math.min(...runs.map(({ epochs }) => epochs.length)),
    metric: average,
    loss: whole ? mean(bests.map(({ loss }) => loss)) : null,
    std:
      average !== null && values.length > 1
        ? Math.sqrt(values.reduce((all, value) => all + (value - average) ** 2, 0) / (values.length - 1))
        : null,
    seconds: runs.reduce((all, { seconds }) => all + seconds, 0),
    paths: runs.map(({ path }) => path),
    message: runs.find(({ message }) => message)?.message,
  };
}
