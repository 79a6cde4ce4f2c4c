/** Sends a run to experiment trackers, as a listener of its events. */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, sep } from 'node:path';
import * as z from 'zod';
import { ThawError } from '../../errors.ts';
import { parseJson } from '../../json.ts';
import { epochScalars } from '../../report/index.ts';
import type { Evaluated, Scores } from '../../tasks/index.ts';
import type { EpochRow } from '../../training/index.ts';
import { VERSION } from '../../version.ts';
import { readTextIfThere } from '../disk/index.ts';
import { REPORT_FILE, type RunWriter } from '../run/index.ts';
import {
  Delivery,
  type Ending,
  type TrackedFile,
  type TrackedMetrics,
  type TrackerSink,
  type TrackerState,
} from '../tracking/index.ts';
import type { JobHooks } from './events.ts';
import type { TrainingResult } from './finish.ts';
import type { TrainingJob } from './training-job.ts';

/** The trackers' ids of the run, and the epochs that they have, by the name of the tracker. */
const STATES = 'trackers.json';
const statesSchema = z.record(
  z.string(),
  z.object({ id: z.string().optional(), sent: z.number().int().nonnegative() }),
);

/** Runs a training, and sends it to the trackers of the hooks. */
export async function tracked(
  job: TrainingJob,
  hooks: JobHooks,
  work: (hooks: JobHooks) => Promise<TrainingResult>,
): Promise<TrainingResult> {
  const { sinks = [] } = hooks;
  if (sinks.length === 0) return work(hooks);
  const deliveries = await openDeliveries(job, sinks, hooks);
  const close = async (ending: Partial<Ending> & Pick<Ending, 'status'>) => {
    await Promise.all(deliveries.map((delivery) => delivery.close({ metrics: [], files: [], ...ending })));
  };
  const onEvent: JobHooks['onEvent'] = (event) => {
    if (event.type === 'epoch') for (const delivery of deliveries) delivery.push(rowMetrics(event));
    hooks.onEvent?.(event);
  };
  try {
    const result = await work({ ...hooks, onEvent });
    if (result.status === 'interrupted') await close({ status: 'interrupted' });
    else await close({ status: 'finished', metrics: finalMetrics(job, result), files: await filesOf(job.run.path) });
    return result;
  } catch (error) {
    await close({ status: hooks.signal?.aborted ? 'interrupted' : 'failed' });
    throw error;
  }
}

async function openDeliveries(job: TrainingJob, sinks: readonly TrackerSink[], hooks: JobHooks): Promise<Delivery[]> {
  const { run, session, about, record } = job;
  const onNotice = (message: string) => hooks.onEvent?.({ type: 'notice', message });
  const states = new Map(Object.entries(await readStates(run, onNotice)));
  let saving: Promise<unknown> = Promise.resolve();
  const save = (name: string, state: TrackerState): Promise<void> => {
    states.set(name, state);
    const text = `${JSON.stringify(Object.fromEntries(states), null, 2)}\n`;
    const saved = saving.then(() => run.writeFile(STATES, text));
    saving = saved.catch(() => undefined);
    return saved;
  };
  const earlier = (session.parts.resume?.progress.rows ?? []).map(rowMetrics);
  const tags = {
    'thaw.version': VERSION,
    'thaw.task': about.task.task,
    'thaw.model': about.model,
    'thaw.data': about.data,
    ...(record.environment?.device && { 'thaw.device': record.environment.device }),
  };
  const config = { model: about.model, data: about.data, ...session.parts.settings };
  const facts = { name: run.name, path: run.path, config, tags, sweep: hooks.sweep };
  return sinks.map((sink) => {
    const { name } = sink;
    return new Delivery(sink, facts, {
      state: states.get(name),
      earlier,
      save: (state) => save(name, state),
      onNotice,
    });
  });
}

async function readStates(run: RunWriter, onNotice: (message: string) => void) {
  const what = join(run.path, STATES);
  try {
    const text = await readTextIfThere(what);
    return text === undefined ? {} : parseJson(text, statesSchema, { what, hint: '' });
  } catch (error) {
    if (!(error instanceof ThawError)) throw error;
    onNotice(`${error.message}; the trackers get this run as a new one`);
    return {};
  }
}

const rowMetrics = (row: EpochRow): TrackedMetrics => ({
  epoch: row.epoch,
  time: Date.now(),
  values: epochScalars(row),
});

/** The metrics of the finished model. */
function finalMetrics({ session }: TrainingJob, { epochs, after, test }: TrainingResult): TrackedMetrics[] {
  const splits = Object.entries({ val: after, test }).flatMap(([split, evaluation]) =>
    evaluation ? prefixed(`final/${split}`, session.parts.task.scores(evaluation as Evaluated)) : [],
  );
  return splits.length ? [{ epoch: epochs, time: Date.now(), values: Object.fromEntries(splits) }] : [];
}

/** NaN is a loss that the task does not have. */
const prefixed = (prefix: string, scores: Scores) =>
  Object.entries(scores).flatMap(([name, value]) => (Number.isNaN(value) ? [] : [[`${prefix}/${name}`, value]]));

/** The files of a run that trackers can store. */
async function filesOf(run: string): Promise<TrackedFile[]> {
  const inside = await readdir(join(run, 'model'), { recursive: true, withFileTypes: true }).catch(() => []);
  const model = inside.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  const others = [REPORT_FILE, 'config.yaml', 'results.csv'].map((name) => join(run, name));
  return [...others.filter((path) => existsSync(path)), ...model].map((path) => ({
    name: path
      .slice(run.length + 1)
      .split(sep)
      .join('/'),
    path,
  }));
}
