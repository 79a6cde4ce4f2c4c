/** The progress in the metadata of a checkpoint. */
import * as z from 'zod';
import { real } from '../json.ts';
import { stageSchema } from './config.ts';
import { DECISIONS } from './decision.ts';
import { FINDINGS } from './findings.ts';
import type { Progress } from './progress.ts';

const count = z.number().int().nonnegative();
const scores = z.object({ loss: real }).catchall(real);

/** A row of `metrics.jsonl`. */
export const rowSchema = z.object({
  epoch: z.number().int().positive(),
  stage: z.number().int().positive(),
  trainable: count,
  lr: real,
  train: scores,
  val: scores,
  seconds: real,
});

const fault = {
  epoch: count,
  step: count,
  seen: z.enum(['training', 'validation']),
  reason: z.enum(['not-finite', 'exploded']),
  loss: real,
  lr: real,
};

export const rollbackSchema = z.object({ ...fault, to: real, message: z.string() });
export const decisionSchema = z.object({
  decision: z.enum(DECISIONS),
  stage: count,
  epoch: count,
  message: z.string(),
});
export const findingSchema = z.object({ finding: z.enum(FINDINGS), epoch: count, message: z.string() });

export const progressSchema: z.ZodType<Progress> = z.object({
  stages: z.array(stageSchema).nullable(),
  decisions: z.array(decisionSchema),
  step: count,
  stage: count,
  stageEpoch: count,
  epoch: count,
  batch: count,
  batchSize: count,
  scores: z.object({ lossSum: real, count, sums: z.record(z.string(), real) }),
  seconds: real,
  thawedAt: z.record(z.string(), count),
  rows: z.array(rowSchema),
  best: z.object({ loss: real, epoch: count }).catchall(real).nullable(),
  stale: count,
  stageBest: real.nullable(),
  entry: scores.nullable(),
  level: z.object({ first: real, recent: real }).nullable(),
  rollbacks: z.array(rollbackSchema),
  findings: z.array(findingSchema),
});
