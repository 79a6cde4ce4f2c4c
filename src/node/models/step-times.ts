import { join } from 'node:path';
import * as z from 'zod';
import { parseJson } from '../../json.ts';
import { readTextIfThere } from '../disk/index.ts';
import { cacheFolder, writeJson } from './cache.ts';

/** Measured seconds of a training step, by machine and model. */
const timesSchema = z.record(z.string(), z.record(z.string(), z.number().positive()));
type StepTimes = z.output<typeof timesSchema>;

const file = (): string => join(cacheFolder(), 'step-times.json');

/** A damaged file counts as none, because each time can be measured again. */
async function readAll(): Promise<StepTimes> {
  const text = await readTextIfThere(file());
  if (text === undefined) return {};
  try {
    return parseJson(text, timesSchema, { what: file(), hint: 'Remove it' });
  } catch {
    return {};
  }
}

/** Seconds by model. @param machine everything that changes the times */
export const stepTimes = async (machine: string): Promise<Readonly<Record<string, number>>> =>
  (await readAll())[machine] ?? {};

/** Keeps a measured time. */
export async function keepStepTime(machine: string, model: string, seconds: number): Promise<void> {
  const all = await readAll();
  await writeJson(file(), { ...all, [machine]: { ...all[machine], [model]: seconds } });
}
