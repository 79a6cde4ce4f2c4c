import * as z from 'zod';
import { withStd } from '../data/index.ts';
import { ThawError } from '../errors.ts';

const names = z.array(z.string());
const numbers = z.array(z.number());

/** What the data says of a task, and what is decided once training is over. */
export const factsSchema = z.preprocess(
  withStd,
  z.discriminatedUnion('task', [
    z.strictObject({ task: z.literal('classification'), classes: names }),
    /** Probabilities from which on each label is said, and whether they are yet to be chosen. */
    z
      .strictObject({
        task: z.literal('multi-label'),
        classes: names,
        thresholds: numbers,
        tuned: z.boolean().default(false),
      })
      .refine(({ classes, thresholds }) => thresholds.length === classes.length, 'each label needs a threshold'),
    /** `classes` are the names of the numbers; mean and standard deviation of each among the training samples. */
    z
      .strictObject({
        task: z.literal('regression'),
        classes: names,
        mean: numbers,
        std: z.array(z.number().positive()),
      })
      .refine(
        ({ classes, mean, std }) => mean.length === classes.length && std.length === classes.length,
        'each number needs a mean and a std',
      ),
    /** The classes trained on, and the length of a vector. */
    z.strictObject({ task: z.literal('embedding'), classes: names, size: z.number().int().positive() }),
  ]),
);
export type TaskFacts = z.output<typeof factsSchema>;
/** The name of a learning task. */
export type TaskName = TaskFacts['task'];
export type FactsOf<N extends TaskName> = Extract<TaskFacts, { task: N }>;

/** @throws ThawError `bad-model` where they are damaged */
export function readFacts(json: unknown): TaskFacts {
  const result = factsSchema.safeParse(json);
  if (result.success) return result.data;
  throw new ThawError('bad-model', "what the model's task is cannot be read", 'Export it again with `thaw export`', {
    cause: result.error,
  });
}
