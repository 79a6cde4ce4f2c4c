/** The search space of a sweep: values for settings, and the trials that they give. */
import * as z from 'zod';
import { ThawError } from '../../../errors.ts';
import { Random } from '../../../random.ts';

/** The values of a setting: a list, or a range to draw from. */
const range = z.strictObject({
  min: z.number(),
  max: z.number(),
  /** `log`: every order of magnitude is equally likely. */
  scale: z.enum(['linear', 'log']).default('linear'),
  /** Whole numbers only, including both ends. */
  integer: z.boolean().default(false),
  /** For grids: number of values at equal distances. */
  steps: z.number().int().min(2).optional(),
});
const choices = z.union([z.array(z.unknown()).min(1), range]);

/** By setting, with dots for parts of settings: `lr`, `schedule.name`, `stages.1.lr`. */
export const spaceSchema = z.record(z.string().min(1), choices);
export type Space = z.output<typeof spaceSchema>;
export type SpaceInput = z.input<typeof spaceSchema>;
export type Range = z.output<typeof range>;

/** One combination: a value for every setting in the space. */
export type Values = Readonly<Record<string, unknown>>;

const isRange = (choice: Space[string]): choice is Range => !Array.isArray(choice);

/** @throws ThawError `bad-config` for a setting with an invalid choice of values */
export function checkSpace(space: Space): void {
  const names = Object.keys(space);
  if (!names.length) {
    throw new ThawError(
      'bad-config',
      'the sweep has no settings to try',
      "Add settings, for example --try 'lr=1e-4..1e-2:log'",
    );
  }
  for (const [name, choice] of Object.entries(space)) {
    if (!isRange(choice)) continue;
    if (!(choice.min < choice.max)) {
      throw new ThawError(
        'bad-config',
        `${name} ranges from ${choice.min} to ${choice.max}`,
        'The first must be smaller',
      );
    }
    if (choice.scale === 'log' && choice.min <= 0) {
      throw new ThawError('bad-config', `${name} ranges from ${choice.min}`, 'Start a logarithmic range above 0');
    }
    if (choice.integer && !(Number.isInteger(choice.min) && Number.isInteger(choice.max))) {
      throw new ThawError(
        'bad-config',
        `${name} has whole numbers, but its ends are not whole`,
        'Use whole numbers as ends',
      );
    }
  }
}

/** Number of combinations in a grid; infinite if a range has no `steps`. */
export const gridSize = (space: Space): number =>
  Object.values(space).reduce(
    (all, choice) => all * (isRange(choice) ? (choice.steps ?? Number.POSITIVE_INFINITY) : choice.length),
    1,
  );

/** All combinations; the last setting changes fastest. @throws ThawError `bad-config` for a range without `steps` */
export function gridOf(space: Space): Values[] {
  let all: Values[] = [{}];
  for (const [name, choice] of Object.entries(space)) {
    const values = isRange(choice) ? evenly(name, choice) : choice;
    all = all.flatMap((before) => values.map((value) => ({ ...before, [name]: value })));
  }
  return all;
}

function evenly(name: string, { min, max, scale, integer, steps }: Range): number[] {
  if (steps === undefined) {
    throw new ThawError(
      'bad-config',
      `a grid over ${name} needs the number of values`,
      'Add steps to the range, or use a list',
    );
  }
  const values = Array.from({ length: steps }, (_, i) => along(min, max, scale, i / (steps - 1)));
  return integer ? [...new Set(values.map(Math.round))] : values.map(rounded);
}

/**
 * Draws different combinations at random. Each attempt has its own random numbers, so a larger number of trials starts with the same
 * combinations.
 */
export function drawFrom(space: Space, trials: number, seed: number): Values[] {
  const drawn = new Map<string, Values>();
  const wanted = Math.min(trials, everyValue(space));
  // A narrow range can have fewer three-digit values than requested.
  for (let attempt = 0; drawn.size < wanted && attempt < 1000 * wanted; attempt++) {
    const values = Object.fromEntries(
      Object.entries(space).map(([name, choice]) => [name, draw(choice, new Random(seed, 'sweep', attempt, name))]),
    );
    drawn.set(JSON.stringify(values), values);
  }
  return [...drawn.values()];
}

/** Number of different combinations that can be drawn. */
const everyValue = (space: Space): number =>
  Object.values(space).reduce((all, choice) => {
    if (!isRange(choice)) return all * new Set(choice.map((value) => JSON.stringify(value))).size;
    return all * (choice.integer ? choice.max - choice.min + 1 : Number.POSITIVE_INFINITY);
  }, 1);

function draw(choice: Space[string], random: Random): unknown {
  if (!isRange(choice)) return choice[random.below(choice.length)];
  const { min, max, scale, integer } = choice;
  if (!integer) return rounded(along(min, max, scale, random.uniform()));
  if (scale === 'linear') return min + random.below(max - min + 1);
  return Math.min(max, Math.max(min, Math.round(along(min - 0.5, max + 0.5, 'log', random.uniform()))));
}

const along = (min: number, max: number, scale: Range['scale'], share: number): number =>
  scale === 'log' ? min * (max / min) ** share : min + (max - min) * share;

/** Rounds to three digits. More precision would not change the result of a training. */
const rounded = (value: number): number => Number(value.toPrecision(3));

/** Settings with the values of a combination. A name can stand for an object with that name (`schedule: cosine`). */
export function withValues(settings: Readonly<Record<string, unknown>>, values: Values): Record<string, unknown> {
  const result = structuredClone(settings) as Record<string, unknown>;
  for (const [path, value] of Object.entries(values)) place(result, path.split('.'), value);
  return result;
}

function place(into: Record<string, unknown>, [first, ...rest]: readonly string[], value: unknown): void {
  if (!rest.length) {
    into[first] = structuredClone(value);
    return;
  }
  const there = into[first];
  if (typeof there === 'string') into[first] = { name: there };
  else if (typeof there !== 'object' || there === null) into[first] = {};
  place(into[first] as Record<string, unknown>, rest, value);
}
