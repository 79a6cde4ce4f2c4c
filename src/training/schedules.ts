/**
 * Learning-rate schedules: factors on the base rate over the steps of a stage. Each equals the scheduler that its formula names
 * (`torch.optim.lr_scheduler`, fastai, transformers), stepped once an update; epochs become steps.
 */
import * as z from 'zod';
import { nearestHint } from '../nearest.ts';
import type { Metric, Scores } from '../tasks/index.ts';

/** The progress of a stage. */
export interface Moment {
  /** Updates done in the stage, and all updates of the stage. Schedules count both without those of the warm-up. */
  readonly step: number;
  readonly steps: number;
  readonly stepsPerEpoch: number;
  /** Validation scores after each epoch of the stage so far, and the task's metric among them. */
  readonly val: readonly Scores[];
  readonly metric: Pick<Metric, 'key' | 'better'>;
}

interface Place {
  readonly t: number;
  readonly T: number;
  /** Steps of an epoch, and of the warm-up before t = 0. */
  readonly epoch: number;
  readonly warm: number;
  readonly val: Moment['val'];
  readonly metric: Moment['metric'];
}

const share = z.number().min(0).max(1);
const positive = z.number().positive();
const factor = z.number().gt(0).max(1);
const shape = z.enum(['linear', 'cosine']);

/** A schedule: its options, its formula, and a formula of the momentum if it moves the momentum too. */
const schedule = <S extends z.ZodRawShape>(
  options: S,
  formula: (place: Place, options: z.output<z.ZodObject<S>>) => number,
  momentum?: (place: Place, options: z.output<z.ZodObject<S>>) => number | false,
) => ({ options, formula, momentum });

/** Options of schedules that do not rise by their own formula. */
const warmup = {
  /** Part of the stage's steps, at its start, in which the rate rises. */
  warmup: share.default(0.1),
  warmupShape: shape.default('linear'),
  /** The factor at the first step. 1/(W + 1) unless given, so that it rises evenly over W steps of warm-up and the step after it. */
  warmupStart: factor.optional(),
};

/** From a to b as x goes from 0 to 1. */
const along = (a: number, b: number, x: number, how: z.output<typeof shape>): number =>
  how === 'linear' ? a + (b - a) * x : b + ((a - b) * (1 + Math.cos(Math.PI * x))) / 2;

/** Options of schedules with one cycle. */
const cycling = {
  div: positive.default(25),
  /** Lowest and highest momentum (β₁ of Adam). It is lowest when the rate is highest. false leaves it unchanged. */
  momentum: z.union([z.literal(false), z.tuple([share, share])]).default([0.85, 0.95]),
};

type Turns = readonly [start: number, middle: number, end: number];

/** PyTorch's one cycle: the turn is at step rise·T − 1, the end at T − 1. */
function oneCycle(
  { t, T }: Place,
  { rise, anneal }: { readonly rise: number; readonly anneal: z.output<typeof shape> },
  [start, middle, end]: Turns,
): number {
  const turn = rise * T - 1;
  if (t <= turn) return along(start, middle, turn ? t / turn : 1, anneal);
  return along(middle, end, Math.min(1, (t - turn) / (T - 1 - turn)), anneal);
}

/** fastai's: the turn is at step rise·T, the end at T. */
const fitOneCycle = ({ t, T }: Place, rise: number, [start, middle, end]: Turns): number =>
  t < rise * T
    ? along(start, middle, t / (rise * T), 'cosine')
    : along(middle, end, rise < 1 ? Math.min(1, (t / T - rise) / (1 - rise)) : 0, 'cosine');

const SCHEDULES = {
  constant: schedule(warmup, () => 1),

  // 1 + (end − 1)·t/T      (LinearLR with start_factor 1)
  linear: schedule({ ...warmup, end: share.default(0) }, ({ t, T }, { end }) =>
    along(1, end, Math.min(t / T, 1), 'linear'),
  ),

  // end + (1 − end)·(1 + cos(πt/T))/2      (CosineAnnealingLR)
  cosine: schedule({ ...warmup, end: share.default(0) }, ({ t, T }, { end }) =>
    along(1, end, Math.min(t / T, 1), 'cosine'),
  ),

  // The same over every, every·stretch, every·stretch², … epochs      (CosineAnnealingWarmRestarts: T_0, T_mult)
  'cosine-restarts': schedule(
    { ...warmup, end: share.default(0), every: positive.default(2), stretch: z.number().min(1).default(1) },
    ({ t, epoch }, { end, every, stretch }) => {
      let [since, period] = [t, every * epoch];
      while (since >= period) [since, period] = [since - period, period * stretch];
      return along(1, end, since / period, 'cosine');
    },
  ),

  // 1/div to 1 until step rise·T − 1, then down to 1/(div·finalDiv) at step T − 1; momentum the other way      (OneCycleLR)
  'one-cycle': schedule(
    { ...cycling, rise: factor.default(0.3), finalDiv: positive.default(1e4), anneal: shape.default('cosine') },
    (place, { div, finalDiv, ...cycle }) => oneCycle(place, cycle, [1 / div, 1, 1 / (div * finalDiv)]),
    (place, { momentum, ...cycle }) => momentum && oneCycle(place, cycle, [momentum[1], momentum[0], momentum[1]]),
  ),

  // 1/div to 1 until step rise·T, then down to 1/finalDiv at step T, along cosines      (fastai's fit_one_cycle; with div 1, fit_flat_cos)
  'fit-one-cycle': schedule(
    { ...cycling, rise: factor.default(0.25), finalDiv: positive.default(1e5) },
    (place, { rise, div, finalDiv }) => fitOneCycle(place, rise, [1 / div, 1, 1 / finalDiv]),
    (place, { rise, momentum }) => momentum && fitOneCycle(place, rise, [momentum[1], momentum[0], momentum[1]]),
  ),

  // γ^⌊t/s⌋      (StepLR)
  step: schedule(
    { ...warmup, gamma: factor.default(0.1), every: positive.default(2) },
    ({ t, epoch }, { gamma, every }) => gamma ** Math.floor(t / (every * epoch)),
  ),

  // γ^(number of milestones passed)      (MultiStepLR)
  'multi-step': schedule(
    {
      ...warmup,
      gamma: factor.default(0.1),
      at: z.array(positive, 'it must be given: the epochs after which the rate falls, as in [3, 6]').min(1),
    },
    ({ t, epoch }, { gamma, at }) => gamma ** at.filter((milestone) => t >= Math.round(milestone * epoch)).length,
  ),

  // γ^(t/s)      (ExponentialLR, γ for an epoch)
  exponential: schedule({ ...warmup, gamma: factor.default(0.9) }, ({ t, epoch }, { gamma }) => gamma ** (t / epoch)),

  // end + (1 − end)·(1 − t/T)^power      (PolynomialLR, whose end is 0; get_polynomial_decay_schedule_with_warmup of transformers)
  polynomial: schedule(
    { ...warmup, end: share.default(0), power: positive.default(1) },
    ({ t, T }, { end, power }) => end + (1 - end) * (1 - Math.min(t / T, 1)) ** power,
  ),

  // 1/√(1 + t/τ), τ being the warm-up's steps unless given      (get_inverse_sqrt_schedule of transformers)
  'inverse-sqrt': schedule({ ...warmup, timescale: positive.optional() }, ({ t, epoch, warm }, { timescale }) => {
    const tau = timescale === undefined ? warm || epoch : timescale * epoch;
    return 1 / Math.sqrt(1 + t / tau);
  }),

  // × factor whenever more than `patience` epochs brought nothing better      (ReduceLROnPlateau)
  'reduce-on-plateau': schedule(
    {
      ...warmup,
      end: share.default(0),
      factor: factor.default(0.1),
      patience: z.number().int().min(0).default(2),
      cooldown: z.number().int().min(0).default(0),
      /** Relative. A smaller improvement does not count. */
      threshold: share.default(1e-4),
      /** The validation loss, or the task's metric, such as the accuracy. */
      watch: z.enum(['loss', 'metric']).default('loss'),
    },
    reducedOnPlateau,
  ),
};

/** A fold over the epochs so far. Every checkpoint holds their scores, so the schedule needs no state of its own. */
function reducedOnPlateau(
  { val, metric }: Place,
  options: {
    readonly end: number;
    readonly factor: number;
    readonly patience: number;
    readonly cooldown: number;
    readonly threshold: number;
    readonly watch: 'loss' | 'metric';
  },
): number {
  const { end, factor: by, patience, cooldown, threshold, watch } = options;
  const { key, better } = watch === 'loss' ? { key: 'loss', better: 'lower' } : metric;
  const isBetter = (value: number, best: number) =>
    better === 'lower' ? value < best * (1 - threshold) : value > best * (1 + threshold);
  let best = better === 'lower' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  let [rate, bad, resting] = [1, 0, 0];
  for (const { [key]: value } of val) {
    if (isBetter(value, best)) [best, bad] = [value, 0];
    else bad++;
    if (resting > 0) [resting, bad] = [resting - 1, 0];
    if (bad > patience) [rate, resting, bad] = [Math.max(rate * by, end), cooldown, 0];
  }
  return rate;
}

type Table = typeof SCHEDULES;
export type ScheduleName = keyof Table;
export const SCHEDULE_NAMES = Object.keys(SCHEDULES) as [ScheduleName, ...ScheduleName[]];

type Options<N extends ScheduleName> = { readonly name: N } & z.output<z.ZodObject<Table[N]['options']>>;
/** A schedule's name with its options, defaults filled in. */
export type ScheduleOptions = { [N in ScheduleName]: Options<N> }[ScheduleName];

type Given<N extends ScheduleName> = z.input<z.ZodObject<Table[N]['options']>>;
/** A name, or an object with the options of a schedule; `cosine` if it has no name. */
export type ScheduleInput =
  | Exclude<ScheduleName, 'multi-step'>
  | { [N in ScheduleName]: { readonly name: N } & Given<N> }[ScheduleName]
  | ({ readonly name?: undefined } & Given<'cosine'>);

const named = SCHEDULE_NAMES.map((name) => z.strictObject({ name: z.literal(name), ...SCHEDULES[name].options }));

export const scheduleSchema = z.preprocess(
  (value) => {
    if (typeof value === 'string') return { name: value };
    return typeof value === 'object' ? { name: 'cosine', ...value } : value;
  },
  z.discriminatedUnion('name', named as [(typeof named)[number], ...typeof named], {
    error: ({ code, input }) =>
      code === 'invalid_union'
        ? `there is no such schedule. ${nearestHint(String((input as { name?: unknown }).name), SCHEDULE_NAMES)}`
        : undefined,
  }),
) as z.ZodType<ScheduleOptions, ScheduleInput>;

/** The factor on the learning rate of a stage's next update. */
export function scheduleFactor(options: ScheduleOptions, moment: Moment): number {
  const place = placeOf(options, moment);
  if ('warmup' in options && place.t < 0) {
    // LinearLR over W steps, then the schedule from its start (SequentialLR).
    return along(options.warmupStart ?? 1 / (place.warm + 1), 1, moment.step / place.warm, options.warmupShape);
  }
  const formula = SCHEDULES[options.name].formula as (at: Place, of: ScheduleOptions) => number;
  return formula(place, options);
}

/** The momentum of a stage's next update; undefined if the schedule does not change it. */
export function scheduledMomentum(options: ScheduleOptions, moment: Moment): number | undefined {
  const { momentum } = SCHEDULES[options.name] as {
    momentum?: (at: Place, of: ScheduleOptions) => number | false;
  };
  const value = momentum?.(placeOf(options, moment), options);
  return value === false ? undefined : value;
}

function placeOf(options: ScheduleOptions, { step, steps, stepsPerEpoch, val, metric }: Moment): Place {
  const warm = 'warmup' in options ? Math.round(options.warmup * steps) : 0;
  return { t: step - warm, T: Math.max(1, steps - warm), epoch: stepsPerEpoch, warm, val, metric };
}

/** Whether a schedule moves the momentum. */
export const movesMomentum = (options: ScheduleOptions): boolean => 'momentum' in options && options.momentum !== false;
