import * as z from 'zod';
import { withStd } from '../data/index.ts';
import { ThawError } from '../errors.ts';
import { firstIssue, plainWords } from '../schema-words.ts';

const names = z.array(z.string());
const numbers = z.array(z.number());

/** Facts about a task from its data, and from the end of the training. */
export const factsSchema = z.preprocess(
  withStd,
  z.discriminatedUnion('task', [
    z.strictObject({ task: z.literal('classification'), classes: names }),
    /** Minimum probability of each label, and whether it is still to be tuned. */
    z
      .strictObject({
        task: z.literal('multi-label'),
        classes: names,
        thresholds: numbers,
        tuned: z.boolean().default(false),
      })
      .refine(({ classes, thresholds }) => thresholds.length === classes.length, 'each label needs a threshold'),
    /** `classes` are the names of the numbers; mean and standard deviation of each over the training samples. */
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
    /** The trained classes, and the length of a vector. */
    z.strictObject({ task: z.literal('embedding'), classes: names, size: z.number().int().positive() }),
  ]),
);
export type TaskFacts = z.output<typeof factsSchema>;
/** The name of a learning task. */
export type TaskName = TaskFacts['task'];
export type FactsOf<N extends TaskName> = Extract<TaskFacts, { task: N }>;

/** @throws ThawError `bad-model` if they are damaged */
export function readFacts(json: unknown): TaskFacts {
  const result = factsSchema.safeParse(json, { error: plainWords });
  if (result.success) return result.data;
  const { where, words } = firstIssue(result.error);
  throw new ThawError(
    'bad-model',
    `cannot read the task of the model: ${where && `${where}: `}${words}`,
    'Export it again with `thaw export`',
    { cause: result.error },
  );
}
