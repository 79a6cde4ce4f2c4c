/** Evaluations as stored in JSON. */
import * as z from 'zod';
import { real } from '../json.ts';
import type { Evaluated, Scores, Task } from './task.ts';

/** The scores of an epoch. */
export const scoresSchema: z.ZodType<Scores> = z.object({ loss: real }).catchall(real);

const classificationSchema = z.object({
  loss: real,
  accuracy: real,
  top5: real,
  f1: real,
  perClass: z.array(z.object({ label: z.string(), precision: real, recall: real, f1: real, support: real })),
  confusion: z.array(z.array(real)),
});

/** The part of an evaluation that reports need. */
export const evaluatedSchema = ({ facts, metric }: Pick<Task, 'facts' | 'metric'>): z.ZodType<Evaluated> =>
  facts.task === 'classification'
    ? classificationSchema
    : z
        .looseObject({ loss: real })
        .refine(({ [metric.key]: value }) => value === null || typeof value === 'number', `it has no ${metric.key}`);

export const metricSchema = z.object({
  key: z.string(),
  title: z.string(),
  better: z.enum(['higher', 'lower']),
  form: z.enum(['share', 'number']),
});
