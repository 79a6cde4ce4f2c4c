import * as z from 'zod';
import type { ThreadChoice } from '../../runtime/thread-choice.ts';
import { MeasuredByMachine } from './by-machine.ts';

const count = z.number().int().positive();

export const threadChoiceSchema: z.ZodType<ThreadChoice> = z.object({
  chosen: count,
  measured: z.array(z.object({ threads: count, seconds: z.number().nonnegative() })),
});

/** Kept, because the last bits of a training can depend on the number of threads: two trainings on a machine give the same weights. */
export const threadChoices = new MeasuredByMachine('threads.json', threadChoiceSchema);
