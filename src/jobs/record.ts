import type { ContinuedClasses, MemoryPlan } from '../recipe/index.ts';
import type { Times } from '../report/index.ts';
import { RECORD_FILE, type RunReader, type RunWriter } from '../run/index.ts';
import { type Evaluated, type Metric, merit, metricOf, type TaskFacts } from '../tasks/index.ts';
import type { EpochRow, Finding, Rollback, StageEnd, StageInfo, StopReason } from '../training/index.ts';
import type { Surroundings } from './surroundings.ts';

/** What a run tells of itself beyond its checkpoints and metrics, kept in `record.json`. */
export interface RunRecord {
  /** What became of the model's own classes, where their weights were kept. */
  readonly continued?: ContinuedClasses;
  /** What the training was estimated to take, where that is known of the device. */
  readonly memory?: MemoryPlan;
  /** Of the validation set, before the first step. */
  readonly before: Evaluated | null;
  /** The stages that began, in order. */
  readonly stages: readonly (StageInfo & { readonly why: StopReason | null } & Partial<
      Pick<StageEnd, 'before' | 'after'>
    >)[];
  /** Where it began. */
  readonly surroundings?: Surroundings;
  /** When the run began, ISO 8601. */
  readonly created: string;
  /** Of all sittings. */
  readonly seconds: number;
  readonly times?: Times;
  /** The task as it is shipped, once it is. */
  readonly task?: TaskFacts;
  /** Where the training went back to an epoch's start, and what looked wrong. */
  readonly rollbacks?: readonly Rollback[];
  readonly findings?: readonly Finding[];
  /** How the training ended, once it has. */
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

/** The record with a stage that begins; one that goes on after a pause stays as it began, with the rate that it had then. */
export function withStage(record: RunRecord, info: StageInfo): RunRecord {
  const begun = record.stages.find(({ stage }) => stage === info.stage) ?? info;
  return { ...record, stages: [...record.stages.filter(({ stage }) => stage < info.stage), { ...begun, why: null }] };
}

export const withStageEnd = (record: RunRecord, { stage, why, before, after }: StageEnd): RunRecord => ({
  ...record,
  stages: record.stages.map((info) => (info.stage === stage ? { ...info, why, before, after } : info)),
});

/** Whether a run has come to its end: its training is over, and its model and report are written. */
export const isFinished = (run: RunReader, { stopped, task }: RunRecord): boolean =>
  stopped !== null && task !== undefined && run.has('model') && run.has('report');

export const saveRecord = (run: RunWriter, record: RunRecord): Promise<void> =>
  run.writeFile(RECORD_FILE, `${JSON.stringify(record, null, 2)}\n`);

/** What the epochs of a stage came to. */
export function stageResults(
  rows: readonly EpochRow[],
  stage: number,
  metric: Metric,
): { seconds: number; bestAccuracy: number | null } {
  const own = rows.filter((row) => row.stage === stage);
  return {
    seconds: own.reduce((all, { seconds }) => all + seconds, 0),
    bestAccuracy: own.length
      ? metricOf(
          metric,
          own.map(({ val }) => val).reduce((a, b) => (merit(metric, b) > merit(metric, a) ? b : a)),
        )
      : null,
  };
}
