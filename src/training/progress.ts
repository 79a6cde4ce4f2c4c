import { ThawError } from '../errors.ts';
import { type Metric, merit, type Scores } from '../tasks/index.ts';
import type { EpochRow } from './events.ts';
import type { Finding } from './findings.ts';
import { type LossLevel, type Rollback, withLoss } from './rollback.ts';
import { NO_SCORES, type RunningScores } from './running.ts';

/** Where a training stands: plain data, saved in every checkpoint, from which it goes on exactly as if it had never stopped. */
export interface Progress {
  /** Updates so far. */
  readonly step: number;
  /** Index of the stage under way; the number of stages when all are done. */
  readonly stage: number;
  /** Epochs finished in this stage, and in all. */
  readonly stageEpoch: number;
  readonly epoch: number;
  /** Batches done of the epoch under way, their scores, and the seconds they took. */
  readonly batch: number;
  /** Samples in a batch; 0 before it is known. */
  readonly batchSize: number;
  readonly scores: RunningScores;
  readonly seconds: number;
  /** From where each parameter's own updates count: those of the run before its first, and those since that it had no part in. */
  readonly thawedAt: Readonly<Record<string, number>>;
  readonly rows: readonly EpochRow[];
  readonly best: (Scores & { readonly epoch: number }) | null;
  /** Epochs of this stage since its validation metric was last better than ever, and its merit then; null before its first. */
  readonly stale: number;
  readonly stageBest: number | null;
  /** Validation scores with which the stage began; null until they are known. */
  readonly entry: Scores | null;
  /** Losses of this stage; null before its first batch. */
  readonly level: LossLevel | null;
  /** Of the whole run. */
  readonly rollbacks: readonly Rollback[];
  readonly findings: readonly Finding[];
}

export const START: Progress = {
  step: 0,
  stage: 0,
  stageEpoch: 0,
  epoch: 0,
  batch: 0,
  batchSize: 0,
  scores: NO_SCORES,
  seconds: 0,
  thawedAt: {},
  rows: [],
  best: null,
  stale: 0,
  stageBest: null,
  entry: null,
  level: null,
  rollbacks: [],
  findings: [],
};

/**
 * The same place in batches of another size: a machine with less memory continues with smaller ones.
 *
 * @throws ThawError `run-directory` if the place is within one of them
 */
export function withBatchSize(p: Progress, batchSize: number): Progress {
  if (p.batchSize === batchSize) return p;
  const batch = p.batchSize ? (p.batch * p.batchSize) / batchSize : p.batch;
  if (Number.isInteger(batch)) return { ...p, batch, batchSize };
  throw new ThawError(
    'run-directory',
    `the checkpoint stands after ${p.batch} batches of ${p.batchSize}, which are no number of batches of ${batchSize}`,
    `Put batch back to ${p.batchSize} in config.yaml`,
  );
}

/** Better is more accurate (or what the task's metric is), or as accurate with a smaller loss. */
export function isBetter(metric: Metric, a: Scores, b: Scores | null): boolean {
  if (b === null) return true;
  const [one, other] = [merit(metric, a), merit(metric, b)];
  return one > other || (one === other && a.loss < b.loss);
}

/** The progress after a batch. @param updates whether an update came of it */
export const afterBatch = (
  p: Progress,
  loss: number,
  scores: RunningScores,
  seconds: number,
  updates: boolean,
): Progress => ({
  ...p,
  step: p.step + Number(updates),
  batch: p.batch + 1,
  scores,
  seconds: p.seconds + seconds,
  level: withLoss(p.level, loss),
});

/** The progress after an epoch and its evaluation. */
export function afterEpoch(p: Progress, row: EpochRow, metric: Metric, findings: readonly Finding[]): Progress {
  const reached = merit(metric, row.val);
  const risen = p.stageBest === null || reached > p.stageBest;
  return {
    ...p,
    epoch: p.epoch + 1,
    stageEpoch: p.stageEpoch + 1,
    batch: 0,
    scores: NO_SCORES,
    seconds: 0,
    rows: [...p.rows, row],
    findings: [...p.findings, ...findings],
    best: isBetter(metric, row.val, p.best) ? { ...row.val, epoch: row.epoch } : p.best,
    stale: risen ? 0 : p.stale + 1,
    stageBest: risen ? reached : p.stageBest,
  };
}

/** The progress at the start of the next stage. */
export const afterStage = (p: Progress): Progress => ({
  ...p,
  stage: p.stage + 1,
  stageEpoch: 0,
  stale: 0,
  stageBest: null,
  entry: p.rows.at(-1)?.val ?? p.entry,
  level: null,
});

/**
 * Begins the count of parameters that are new; an update that a parameter frozen again had no part in is not counted.
 *
 * @param trainable that have just had an update
 */
export function withThawed(p: Progress, trainable: readonly string[]): Progress {
  const { thawedAt, step } = p;
  const taking = new Set(trainable);
  const fresh = trainable.filter((name) => !Object.hasOwn(thawedAt, name)).map((name) => [name, step - 1]);
  const frozen = Object.entries(thawedAt).flatMap(([name, count]) => (taking.has(name) ? [] : [[name, count + 1]]));
  if (!fresh.length && !frozen.length) return p;
  return { ...p, thawedAt: { ...thawedAt, ...Object.fromEntries([...fresh, ...frozen]) } };
}
