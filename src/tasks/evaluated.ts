/** Evaluations as stored in JSON. */
import * as z from 'zod';
import { real } from '../json.ts';
import type { Evaluation } from './classification/types.ts';
import type { Evaluated, Scores, Task } from './task.ts';

/** The scores of an epoch. */
export const scoresSchema: z.ZodType<Scores> = z.object({ loss: real }).catchall(real);

/** A row of a confusion matrix: all counts, or those that are not 0 by their column. */
const confusionRow = z.union([z.array(real), z.record(z.string(), z.number())]);

const classificationSchema = z.object({
  loss: real,
  accuracy: real,
  top5: real,
  f1: real,
  perClass: z.array(z.object({ label: z.string(), precision: real, recall: real, f1: real, support: real })),
  confusion: z.array(confusionRow).transform((rows) => rows.map((row) => denseRow(row, rows.length))),
});

function denseRow(row: z.output<typeof confusionRow>, length: number): number[] {
  if (Array.isArray(row)) return row;
  const dense = new Array<number>(length).fill(0);
  for (const [column, times] of Object.entries(row)) if (column in dense) dense[Number(column)] = times;
  return dense;
}

/** An evaluation for JSON without the zeros of its confusion matrix, which are nearly all of its numbers. */
export function withoutZeros(evaluated: Evaluated): object {
  const { confusion } = evaluated as Partial<Evaluation>;
  return confusion ? { ...evaluated, confusion: confusion.map(sparseRow) } : evaluated;
}

function sparseRow(row: readonly number[]): Record<number, number> {
  const sparse: Record<number, number> = {};
  for (let c = 0; c < row.length; c++) if (row[c] !== 0) sparse[c] = row[c];
  return sparse;
}

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
