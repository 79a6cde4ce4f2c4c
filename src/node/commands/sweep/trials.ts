/** The trials of a sweep as plain data, and who is ahead. */
import { type Metric, merit, metricOf, type Scores } from '../../../tasks/index.ts';
import type { Values } from './space.ts';

/**
 * `paused` after a rung or an interruption, and can go on; `stopped` by the rule that leaves poor ones behind; `failed` with its
 * `message`.
 */
export const RUN_STATUSES = ['waiting', 'paused', 'stopped', 'finished', 'failed'] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];

/** A run directory of a trial, for one seed. */
export interface TrialRun {
  readonly seed: number;
  /** Within the sweep's folder. */
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

/** A trial's place, and what it came to; its runs' means where there are several seeds. */
export interface RankedTrial {
  /** From 1; null where it has no finished epoch. */
  readonly rank: number | null;
  readonly number: number;
  readonly values: Values;
  readonly status: RunStatus;
  /** Fewest epochs of its runs. */
  readonly epochs: number;
  /** Best metric of each run, and the loss of that epoch: means. */
  readonly metric: number | null;
  readonly loss: number | null;
  /** Standard deviation of the metric over the seeds, where there are several. */
  readonly std: number | null;
  readonly seconds: number;
  readonly paths: readonly string[];
  readonly message?: string;
}

const mean = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0) / values.length;

/** A trial is as far as the least of its runs. */
const ORDER: readonly RunStatus[] = ['failed', 'stopped', 'waiting', 'paused', 'finished'];
export const statusOf = ({ runs }: Trial): RunStatus =>
  ORDER.find((status) => runs.some((run) => run.status === status)) ?? 'waiting';

/** The best epoch of a run, of its first so many; undefined where it has none. */
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

/** How good a trial was after so many epochs, larger being better; −∞ where a run has none. */
export function meritAt(trial: Trial, metric: Metric, epochs: number): number {
  const bests = trial.runs.map((run) => bestOf(run, metric, epochs));
  return bests.every((scores) => scores !== undefined)
    ? mean(bests.map((scores) => merit(metric, scores!)))
    : Number.NEGATIVE_INFINITY;
}

/** The trials, the best first: those that were trained to their ends before the others. */
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
