/** The plan of a sweep, and `sweep.json`, from which it resumes. */
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

/** The plan of a sweep. With the model, the data and the other settings, it determines the whole sweep. */
export const planSchema = z.strictObject({
  try: spaceSchema,
  /** Number of combinations: random ones, or the first ones of a grid. Default: the whole grid, or twelve random ones. */
  trials: whole.optional(),
  search: z.enum(['grid', 'random']).optional(),
  /** Each combination trains once per seed; its result is the mean. Default: the seed of the settings. */
  seeds: z.array(z.number().int().min(0)).min(1).optional(),
  /** How to stop bad trials early. */
  stop: z.enum(['halving', 'median', 'none']).default('halving'),
  /** For halving: keep one of this many trials. */
  keep: z.number().int().min(2).default(3),
  /** No trial stops before this many epochs. */
  grace: whole.default(1),
});
export type SweepPlanInput = Omit<z.input<typeof planSchema>, 'try'> & { readonly try: SpaceInput };
export type SweepPlan = z.output<typeof planSchema>;

/** `sweep.json`: everything that a sweep needs to resume. */
export interface SweepState {
  readonly format: 1;
  readonly model: string;
  readonly data: string;
  readonly settings: Record<string, unknown>;
  readonly plan: SweepPlan;
  readonly metric: Metric | null;
  readonly trials: readonly Trial[];
  /** Random. Identifies the sweep for experiment trackers. */
  readonly key?: string;
}

export const STATE = 'sweep.json';

/** Folder of a trial's run. A folder that is not a run is replaced, so the path must stay inside the sweep. */
const trialFolder = z.string().regex(/^trial-\d+(-seed-\d+)?$/, 'it must be the folder of a trial');

const stateSchema = z.object({
  format: z.literal(1),
  model: z.string(),
  data: z.string(),
  settings: z.record(z.string(), z.unknown()),
  plan: planSchema,
  key: z.string().optional(),
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
    .refine((trials) => trials.every(({ number }, i) => number === i + 1), 'they must be numbered from 1')
    .refine((trials) => {
      const runs = trials.flatMap((trial) => trial.runs);
      return new Set(runs.map(({ path }) => path)).size === runs.length;
    }, 'two of them have the same folder'),
});

/** Whether the path has a sweep. */
export const isSweep = (path: string): boolean => existsSync(join(path, STATE));

/** @throws ThawError `run-directory` if the sweep is missing or damaged */
export async function readState(path: string): Promise<SweepState> {
  const file = join(path, STATE);
  const text = await readTextIfThere(file);
  const hint = 'Start the sweep again with another --out';
  if (text === undefined) throw new ThawError('run-directory', `${file} does not exist`, hint);
  return parseJson(text, stateSchema, { what: file, hint });
}
