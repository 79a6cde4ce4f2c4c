/** What a sweep tries: the values that settings may take, and the trials that come of them. */
import * as z from 'zod';
import { ThawError } from '../../../errors.ts';
import { Random } from '../../../random.ts';

/** The values of a setting: a list, or a range from which one is drawn. */
const range = z.strictObject({
  min: z.number(),
  max: z.number(),
  /** `log`: each order of magnitude is as likely as another. */
  scale: z.enum(['linear', 'log']).default('linear'),
  /** Whole numbers only, both ends among them. */
  integer: z.boolean().default(false),
  /** For grids: so many values at even distances. */
  steps: z.number().int().min(2).optional(),
});
const choices = z.union([z.array(z.unknown()).min(1), range]);

/** By settings, parts of them with dots: `lr`, `schedule.name`, `stages.1.lr`. */
export const spaceSchema = z.record(z.string().min(1), choices);
export type Space = z.output<typeof spaceSchema>;
export type SpaceInput = z.input<typeof spaceSchema>;
export type Range = z.output<typeof range>;

/** One combination: a value for every setting that is swept. */
export type Values = Readonly<Record<string, unknown>>;

const isRange = (choice: Space[string]): choice is Range => !Array.isArray(choice);

/** @throws ThawError `bad-config` naming the setting whose values are none */
export function checkSpace(space: Space): void {
  const names = Object.keys(space);
  if (!names.length) {
    throw new ThawError('bad-config', 'the sweep has nothing to try', "Name settings, as in --try 'lr=1e-4..1e-2:log'");
  }
  for (const [name, choice] of Object.entries(space)) {
    if (!isRange(choice)) continue;
    if (!(choice.min < choice.max)) {
      throw new ThawError(
        'bad-config',
        `${name} goes from ${choice.min} to ${choice.max}`,
        'The first must be smaller',
      );
    }
    if (choice.scale === 'log' && choice.min <= 0) {
      throw new ThawError('bad-config', `${name} begins at ${choice.min}`, 'A logarithmic range begins above 0');
    }
    if (choice.integer && !(Number.isInteger(choice.min) && Number.isInteger(choice.max))) {
      throw new ThawError('bad-config', `${name} is of whole numbers, and its ends are not`, 'Give whole ends');
    }
  }
}

/** Number of combinations of a grid; infinite where a range has no `steps`. */
export const gridSize = (space: Space): number =>
  Object.values(space).reduce(
    (all, choice) => all * (isRange(choice) ? (choice.steps ?? Number.POSITIVE_INFINITY) : choice.length),
    1,
  );

/** All combinations, the last setting changing fastest. @throws ThawError `bad-config` for a range without `steps` */
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
      `a grid over ${name} needs a number of values`,
      'Give the range steps, or a list',
    );
  }
  const values = Array.from({ length: steps }, (_, i) => along(min, max, scale, i / (steps - 1)));
  return integer ? [...new Set(values.map(Math.round))] : values.map(tidy);
}

/**
 * So many combinations drawn at random, none of them twice. Each has random numbers of its own: more trials begin with
 * the same ones.
 */
export function drawFrom(space: Space, trials: number, seed: number): Values[] {
  const drawn = new Map<string, Values>();
  const wanted = Math.min(trials, everyValue(space));
  // A narrow range has fewer values of three digits than are asked for.
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
  if (!integer) return tidy(along(min, max, scale, random.uniform()));
  if (scale === 'linear') return min + random.below(max - min + 1);
  return Math.min(max, Math.max(min, Math.round(along(min - 0.5, max + 0.5, 'log', random.uniform()))));
}

const along = (min: number, max: number, scale: Range['scale'], share: number): number =>
  scale === 'log' ? min * (max / min) ** share : min + (max - min) * share;

/** Three digits: nobody can tell more of them apart. */
const tidy = (value: number): number => Number(value.toPrecision(3));

/** Settings with a combination's values in their places; a name stands for an object with that name (`schedule: cosine`). */
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
