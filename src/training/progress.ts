import { ThawError } from '../errors.ts';
import { type Metric, merit, type Scores } from '../tasks/index.ts';
import type { StageConfig } from './config.ts';
import type { Decision } from './decision.ts';
import type { EpochRow } from './events.ts';
import type { Finding } from './findings.ts';
import { type LossLevel, type Rollback, withLoss } from './rollback.ts';
import { NO_SCORES, type RunningScores } from './running.ts';

/** The progress of a training: plain data in every checkpoint, from which it continues exactly as if it had never stopped. */
export interface Progress {
  /** The plan as decided so far; null for that of the settings. */
  readonly stages: readonly StageConfig[] | null;
  readonly decisions: readonly Decision[];
  /** Updates so far. */
  readonly step: number;
  /** Index of the current stage; the number of stages when all are done. */
  readonly stage: number;
  /** Finished epochs of this stage, and of all stages. */
  readonly stageEpoch: number;
  readonly epoch: number;
  /** Finished batches of the current epoch. */
  readonly batch: number;
  /** Samples in a batch; 0 before it is known. */
  readonly batchSize: number;
  /** Scores of these batches, and the seconds they took. */
  readonly scores: RunningScores;
  readonly seconds: number;
  /** Updates of the run that a parameter had no part in, by name. Its own updates count without them. */
  readonly thawedAt: Readonly<Record<string, number>>;
  readonly rows: readonly EpochRow[];
  readonly best: (Scores & { readonly epoch: number }) | null;
  /** Epochs since the best one of this stage, and the merit of that one; null before the first epoch. */
  readonly stale: number;
  readonly stageBest: number | null;
  /** Validation scores at the beginning of the stage; null until they are known. */
  readonly entry: Scores | null;
  /** The level of the losses of this stage; null before its first batch. */
  readonly level: LossLevel | null;
  /** Of the whole run. */
  readonly rollbacks: readonly Rollback[];
  readonly findings: readonly Finding[];
}

export const START: Progress = {
  stages: null,
  decisions: [],
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
    `the checkpoint stands after ${p.batch} batches of ${p.batchSize}, which are not a whole number of batches of ${batchSize}`,
    `Put batch back to ${p.batchSize} in config.yaml`,
  );
}

/** Whether scores are better: by the task's metric, or with an equal metric by a smaller loss. */
export function isBetter(metric: Metric, a: Scores, b: Scores | null): boolean {
  if (b === null) return true;
  const [one, other] = [merit(metric, a), merit(metric, b)];
  return one > other || (one === other && a.loss < b.loss);
}

/** The best validation scores of some epochs, of which there is one at least. */
export const bestScores = (metric: Metric, rows: readonly Pick<EpochRow, 'val'>[]): Scores =>
  rows.map(({ val }) => val).reduce((best, val) => (isBetter(metric, val, best) ? val : best));

/** The progress after a batch. @param updates whether the batch completed an update */
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

/** The same progress at the start of the next epoch. */
export const nextEpoch = (p: Progress): Progress => ({
  ...p,
  epoch: p.epoch + 1,
  stageEpoch: p.stageEpoch + 1,
  batch: 0,
});

/** The progress after an epoch and its evaluation. */
export function afterEpoch(p: Progress, row: EpochRow, metric: Metric, findings: readonly Finding[]): Progress {
  const reached = merit(metric, row.val);
  const risen = p.stageBest === null || reached > p.stageBest;
  return {
    ...nextEpoch(p),
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
 * Starts the counts of parameters that train for the first time, and skips this update in the counts of those that are frozen again.
 *
 * @param trainable the parameters that were just updated
 */
export function withThawed(p: Progress, trainable: readonly string[]): Progress {
  const { thawedAt, step } = p;
  const taking = new Set(trainable);
  const fresh = trainable.filter((name) => !Object.hasOwn(thawedAt, name)).map((name) => [name, step - 1]);
  const frozen = Object.entries(thawedAt).flatMap(([name, count]) => (taking.has(name) ? [] : [[name, count + 1]]));
  if (!fresh.length && !frozen.length) return p;
  return { ...p, thawedAt: { ...thawedAt, ...Object.fromEntries([...fresh, ...frozen]) } };
}
