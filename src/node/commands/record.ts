import { join } from 'node:path';
import * as z from 'zod';
import { checkJson, parseJson, real } from '../../json.ts';
import type { Times } from '../../report/index.ts';
import type { ThreadChoice } from '../../runtime/thread-choice.ts';
import type { ContinuedClasses, MemoryPlan } from '../../session/index.ts';
import {
  type Evaluated,
  evaluatedSchema,
  factsSchema,
  scoresSchema,
  type Task,
  type TaskFacts,
  withoutZeros,
} from '../../tasks/index.ts';
import {
  type Decision,
  decisionSchema,
  type Finding,
  findingSchema,
  type Rollback,
  rollbackSchema,
  STOP_REASONS,
  type StageEnd,
  type StageInfo,
  type StopReason,
} from '../../training/index.ts';
import { readTextIfThere } from '../disk/index.ts';
import { threadChoiceSchema } from '../models/thread-choices.ts';
import { RECORD_FILE, type RunReader, type RunWriter } from '../run/index.ts';
import type { RunEnvironment } from './run-environment.ts';

/** Facts about a run beyond its checkpoints and metrics, stored in `record.json`. */
export interface RunRecord {
  /** Fate of the model's own classes, if their weights were kept. */
  readonly continued?: ContinuedClasses;
  /** Estimated memory of the training, if the device reports it. */
  readonly memory?: MemoryPlan;
  /** Evaluation of the validation set before the first step. */
  readonly before: Evaluated | null;
  /** The stages that have started, in order. */
  readonly stages: readonly (StageInfo & { readonly why: StopReason | null } & Partial<
      Pick<StageEnd, 'before' | 'after'>
    >)[];
  /** Environment at the start of the run. */
  readonly environment?: RunEnvironment;
  /** The number of threads, if it was measured. */
  readonly threads?: ThreadChoice;
  /** When the run began, ISO 8601. */
  readonly created: string;
  /** Seconds of training, over all interruptions. */
  readonly seconds: number;
  readonly times?: Times;
  /** The shipped task, once it exists. */
  readonly task?: TaskFacts;
  /** Decisions about the plan. */
  readonly decisions?: readonly Decision[];
  /** Epochs that training restarted, and suspicious findings. */
  readonly rollbacks?: readonly Rollback[];
  readonly findings?: readonly Finding[];
  /** Why the training ended, once it has. */
  readonly stopped: StopReason | null;
}

export const newRecord = (continued?: ContinuedClasses): RunRecord => ({
  continued,
  before: null,
  stages: [],
  created: new Date().toISOString(),
  seconds: 0,
  stopped: null,
});

const names = z.array(z.string());
const count = z.number().nonnegative();
const stopReason = z.enum(STOP_REASONS).nullable();
const bytes = { base: count, model: count, state: count, values: count, batches: count, caches: count, total: count };

const recordSchema = z.object({
  continued: z.object({ kept: names, added: names, removed: names }).optional(),
  memory: z
    .object({
      estimate: z.object(bytes),
      limit: count.optional(),
      divided: z.object({ batch: count, parts: count }).optional(),
      notice: z.string().optional(),
    })
    .optional(),
  before: z.looseObject({ loss: real }).nullable(),
  stages: z.array(
    z.object({
      stage: z.number().int().positive(),
      stages: z.number().int().positive(),
      train: z.string(),
      groups: names,
      thawed: names,
      trainable: count,
      frozen: count,
      epochs: count,
      lr: z.number(),
      why: stopReason,
      before: scoresSchema.nullish(),
      after: scoresSchema.optional(),
    }),
  ),
  environment: z.record(z.string(), z.string()).optional(),
  threads: threadChoiceSchema.optional(),
  created: z.string().refine((time) => Number.isFinite(Date.parse(time)), 'it is not a time'),
  seconds: count,
  times: z.object({ computed: count, waited: count }).optional(),
  task: factsSchema.optional(),
  decisions: z.array(decisionSchema).optional(),
  rollbacks: z.array(rollbackSchema).optional(),
  findings: z.array(findingSchema).optional(),
  stopped: stopReason,
});

const HINT = 'Remove it; the report will then lack this information';

/** @throws ThawError `run-directory` if the record is damaged */
export async function readRecord(run: RunReader): Promise<RunRecord> {
  const path = join(run.path, RECORD_FILE);
  const text = await readTextIfThere(path);
  if (text === undefined) return newRecord();
  return parseJson(text, recordSchema, { what: path, hint: HINT });
}

/** @throws ThawError `run-directory` if the evaluation before training does not fit the task */
export function checkRecord(run: RunReader, record: RunRecord, task: Task): RunRecord {
  if (!record.before) return record;
  const what = join(run.path, RECORD_FILE);
  return { ...record, before: checkJson(record.before, evaluatedSchema(task), { what, hint: HINT }) };
}

/** Adds a stage that starts. A resumed stage keeps its first entry, with the learning rate of that time. */
export function withStage(record: RunRecord, info: StageInfo): RunRecord {
  const begun = record.stages.find(({ stage }) => stage === info.stage) ?? info;
  return { ...record, stages: [...record.stages.filter(({ stage }) => stage < info.stage), { ...begun, why: null }] };
}

export const withStageEnd = (record: RunRecord, { stage, why, before, after }: StageEnd): RunRecord => ({
  ...record,
  stages: record.stages.map((info) => (info.stage === stage ? { ...info, why, before, after } : info)),
});

/** Whether a run is complete: training has ended, and its model and report exist. */
export const isFinished = (run: RunReader, { stopped, task }: RunRecord): boolean =>
  stopped !== null && task !== undefined && run.has('model') && run.has('report');

/** Writes the entries in a fixed order, so that resumed runs write the same file. `before` grows with the classes and takes one line. */
export function saveRecord(run: RunWriter, record: RunRecord): Promise<void> {
  const entries = Object.keys(recordSchema.shape).flatMap((name) => {
    const value = record[name as keyof RunRecord];
    if (value === undefined) return [];
    const text =
      name === 'before' && record.before
        ? JSON.stringify(withoutZeros(record.before))
        : JSON.stringify(value, null, 2).replaceAll('\n', '\n  ');
    return [`  ${JSON.stringify(name)}: ${text}`];
  });
  return run.writeFile(RECORD_FILE, `{\n${entries.join(',\n')}\n}\n`);
}
