/** What a sweep is asked for, and `sweep.json`, from which it continues. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { ThawError } from '../../../errors.ts';
import { parseJson } from '../../../json.ts';
import { type Metric, metricSchema, scoresSchema } from '../../../tasks/index.ts';
import { readTextIfThere } from '../../disk/index.ts';
import { type SpaceInput, spaceSchema } from './space.ts';
import { RUN_STATUSES, type Trial } from './trials.ts';

const whole = z.number().int().positive();

/** What is tried, and how: with the model, the data and the other settings, all that decides a sweep. */
export const planSchema = z.strictObject({
  try: spaceSchema,
  /** Combinations: drawn at random, or of a grid the first so many. All of a grid, or twelve, unless given. */
  trials: whole.optional(),
  search: z.enum(['grid', 'random']).optional(),
  /** Each combination is trained once with each seed, and is as good as their mean; the settings' own unless given. */
  seeds: z.array(z.number().int().min(0)).min(1).optional(),
  /** How poor trials are stopped early. */
  stop: z.enum(['halving', 'median', 'none']).default('halving'),
  /** halving: one trial of so many goes on. */
  keep: z.number().int().min(2).default(3),
  /** No trial is stopped before so many epochs. */
  grace: whole.default(1),
});
export type SweepPlanInput = Omit<z.input<typeof planSchema>, 'try'> & { readonly try: SpaceInput };
export type SweepPlan = z.output<typeof planSchema>;

/** `sweep.json`: all that a sweep needs to continue. */
export interface SweepState {
  readonly format: 1;
  readonly model: string;
  readonly data: string;
  readonly settings: Record<string, unknown>;
  readonly plan: SweepPlan;
  readonly metric: Metric | null;
  readonly trials: readonly Trial[];
}

export const STATE = 'sweep.json';

/** The folder of a trial's run. Whatever lies there is replaced if it is not a run, so it cannot be elsewhere. */
const trialFolder = z.string().regex(/^trial-\d+(-seed-\d+)?$/, 'it is not the folder of a trial');

const stateSchema = z.object({
  format: z.literal(1),
  model: z.string(),
  data: z.string(),
  settings: z.record(z.string(), z.unknown()),
  plan: planSchema,
  metric: metricSchema.nullable(),
  trials: z
    .array(
      z.object({
        number: whole,
        values: z.record(z.string(), z.unknown()),
        runs: z
          .array(
            z.object({
              seed: z.number().int().nonnegative(),
              path: trialFolder,
              status: z.enum(RUN_STATUSES),
              epochs: z.array(scoresSchema),
              seconds: z.number().nonnegative(),
              message: z.string().optional(),
            }),
          )
          .min(1),
      }),
    )
    .min(1)
    .refine((trials) => trials.every(({ number }, i) => number === i + 1), 'they are not numbered from 1')
    .refine((trials) => {
      const runs = trials.flatMap((trial) => trial.runs);
      return new Set(runs.map(({ path }) => path)).size === runs.length;
    }, 'two have one folder'),
});

/** Whether there is a sweep at the path. */
export const isSweep = (path: string): boolean => existsSync(join(path, STATE));

/** @throws ThawError `run-directory` where there is none, or it is damaged */
export async function readState(path: string): Promise<SweepState> {
  const file = join(path, STATE);
  const text = await readTextIfThere(file);
  const hint = 'Start the sweep again with another --out';
  if (text === undefined) throw new ThawError('run-directory', `there is no ${file}`, hint);
  return parseJson(text, stateSchema, { what: file, hint });
}
