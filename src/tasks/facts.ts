import * as z from 'zod';
import { ThawError } from '../errors.ts';

/** What the data says of a task, and what is decided once training is over. */
export const factsSchema = z.discriminatedUnion('task', [
  z.strictObject({ task: z.literal('classification'), classes: z.array(z.string()) }),
]);
export type TaskFacts = z.output<typeof factsSchema>;
export type TaskName = TaskFacts['task'];

/** @throws ThawError `bad-model` where they are damaged */
export function readFacts(json: unknown): TaskFacts {
  const result = factsSchema.safeParse(json);
  if (result.success) return result.data;
  throw new ThawError('bad-model', "what the model's task is cannot be read", 'Export it again with `thaw export`', {
    cause: result.error,
  });
}
