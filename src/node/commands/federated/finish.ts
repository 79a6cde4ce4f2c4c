import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { readSafetensors } from '../../../compiler/step/index.ts';
import type { Dataset } from '../../../data/index.ts';
import { requireRequest, requireText, ThawError } from '../../../errors.ts';
import { readRoundState } from '../../../federated/index.ts';
import {
  describeData,
  type InputFormat,
  keptReading,
  readSettings,
  Session,
  trainingConfigOf,
} from '../../../session/index.ts';
import { TASKS, type Task } from '../../../tasks/index.ts';
import { START } from '../../../training/index.ts';
import { createRun, identifySamples, isFree } from '../../run/index.ts';
import type { About } from '../about.ts';
import type { JobHooks } from '../events.ts';
import { openFeatures } from '../features.ts';
import { pinnedSource } from '../fetch-model.ts';
import { finishRun, type TrainingResult } from '../finish.ts';
import { openLabelled, plainSource } from '../inputs.ts';
import { quoted, shownPath } from '../paths.ts';
import { newRecord, type RunRecord, saveRecord } from '../record.ts';
import { readStateFile } from '../round/index.ts';
import { prepareRound } from '../round/prepare.ts';
import { runEnvironmentOf } from '../run-environment.ts';
import { noiseSource } from './noise.ts';
import { readFederationRecord } from './record.ts';
import { federationOf, rowsOf, stageInfos, stageSettings } from './summary.ts';

export interface FinishFederationRequest {
  /** Folder with the state and the record of the server, or an app with them in `federation`. */
  readonly folder: string;
  /** Labelled samples to evaluate the finished model, as for `evaluate`. Without them, the measurements of the clients count. */
  readonly data?: string;
  /** The model's current path, if it has moved. */
  readonly model?: string;
  /** The run directory. Default: `run` in the folder. An unfinished one is overwritten. */
  readonly out?: string;
  /** Finish from the state of this round, if the server still has it. Default: the last round. */
  readonly round?: number;
}

const STATE = 'state.safetensors';
const STATES = 'states';

/**
 * Turns the last state of a federation, or an earlier one, into a run directory with the finished model and a report of all rounds.
 *
 * @throws ThawError if the folder has no state or no intact record, or if the model is another one
 */
export async function finishFederation(
  request: FinishFederationRequest,
  hooks: JobHooks = {},
): Promise<TrainingResult> {
  requireRequest(request);
  requireText(request.folder, 'folder', 'Give the folder of the app');
  const folder = stateFolder(request.folder);
  const bytes = await readStateFile(await stateFile(folder, request.round));
  const state = readRoundState(bytes);
  const done = roundsIn(bytes);
  const recorded = await readFederationRecord(folder, done);
  const model = request.model ?? recorded.sittings.at(-1)?.model;
  if (model === undefined)
    throw new ThawError('bad-config', `the record in ${folder} does not name the model`, 'Give it with --model FILE');
  const stages = stageSettings(recorded.rounds);
  const { stages: _, ...common } = recorded.rounds.at(-1)!.settings;
  const given = readSettings({ ...common, stages: stages.map(({ stage: _, ...settings }) => settings) });
  const prepared = await prepareRound({ model, settings: given }, state, hooks);
  const { resolved, format: preprocessing, task, runtime, settings, network, anatomy } = prepared;
  const dataset = await openMeasured(request.data, preprocessing, task, hooks);
  if (request.data !== undefined) hooks.onEvent?.(describeData(dataset, task, preprocessing));
  hooks.signal?.throwIfAborted();
  const dataPath = resolve(request.data ?? folder);
  const out = request.out ?? (await freePlace(folder));
  const making = { what: 'the finished model of a federation', command: finishCommand(request, folder, out) };
  const run = await createRun({ out, data: dataPath, making });
  try {
    hooks.onEvent?.({ type: 'run', path: shownPath(run.path) });
    const config = trainingConfigOf(settings);
    const infos = stageInfos({ network, anatomy, config }, recorded.rounds);
    const rows = rowsOf(recorded, infos, task.metric);
    const about: About = {
      model: pinnedSource(resolved),
      data: request.data ?? "the clients' own data",
      dataPath,
      name: resolved.name,
      sha256: await resolved.sha256(),
      preprocessing,
      task: task.facts,
      sourceConfig: resolved.config,
    };
    const samples = await identifySamples(dataset, dataPath);
    const seconds = rows.reduce((all, row) => all + row.seconds, recorded.evaluation?.seconds ?? 0);
    const record: RunRecord = {
      ...newRecord(prepared.continued),
      created: recorded.sittings[0]?.time ?? recorded.rounds[0].time,
      stages: infos.map((info) => ({ ...info, why: 'finished' })),
      seconds,
      stopped: 'finished',
      environment: await runEnvironmentOf(runtime, preprocessing),
    };
    await run.writeConfig({ model: about.model, data: about.data, ...settings });
    const identity = { model: about.sha256, classes: task.classes, samples };
    await run.saveSource({ model: prepared.source, identity, about: { ...about } });
    await run.rewindRows(rows);
    const last = rows.at(-1)!;
    const progress = { ...START, epoch: done, stage: infos.length, rows, best: { ...last.val, epoch: done } };
    await run.saveCheckpoint('last', { progress, state: state.tensors });
    await saveRecord(run, record);
    const measured = dataset.val.length > 0;
    const val = measured
      ? plainSource(dataset.val, preprocessing, hooks)
      : noiseSource(preprocessing, task, settings.seed);
    const test = dataset.test.length ? plainSource(dataset.test, preprocessing, hooks) : undefined;
    const session = new Session({
      ...prepared,
      ...{ task, dataset, settings, config, runtime },
      format: preprocessing,
      sources: { train: val, val, test },
      features: await openFeatures({ settings, runtime }, hooks),
      sourceConfig: resolved.config,
    });
    const federation = federationOf(recorded, task.metric);
    const outcome = await finishRun({ session, run, about, record, federation }, hooks);
    if (outcome.status !== 'interrupted') await run.markFinished();
    return outcome;
  } finally {
    await run.release();
  }
}

/** @throws ThawError `not-found` if there is no state */
function stateFolder(given: string): string {
  const found = [given, join(given, 'federation')].find((folder) => existsSync(join(folder, STATE)));
  if (found !== undefined) return found;
  throw new ThawError(
    'not-found',
    `${given} has no ${STATE}`,
    'Give the folder that the federation wrote, after at least one round',
  );
}

/** @throws ThawError `not-found` if the state of the round is missing; the message lists the states that exist */
async function stateFile(folder: string, round: number | undefined): Promise<string> {
  const last = join(folder, STATE);
  if (round === undefined) return last;
  const file = join(folder, STATES, `round-${round}.safetensors`);
  if (existsSync(file)) return file;
  if (roundsIn(await readStateFile(last)) === round) return last;
  const names = await readdir(join(folder, STATES)).catch(() => []);
  const kept = names.flatMap((name) => /^round-(\d+)\.safetensors$/.exec(name)?.[1] ?? []).map(Number);
  throw new ThawError(
    'not-found',
    `${folder} does not have the state of round ${round}`,
    kept.length
      ? `Choose one of the rounds ${kept.sort((a, b) => a - b).join(', ')}: the server keeps as many states as keep in the app says`
      : 'The server keeps as many states as keep in the app says',
  );
}

/** Number of rounds in the metadata of a server's state. */
function roundsIn(bytes: Uint8Array): number {
  const rounds = Number(readSafetensors(bytes).metadata.rounds ?? 0);
  if (Number.isSafeInteger(rounds) && rounds >= 0) return rounds;
  throw new ThawError('bad-data', "the state's number of rounds is damaged", 'Use the state of an earlier round');
}

/** The command for a shell, valid in any folder. */
function finishCommand({ data, model, round }: FinishFederationRequest, folder: string, out: string): string {
  const here = (path: string) => quoted(existsSync(path) ? resolve(path) : path);
  const options = [
    ...(model === undefined ? [] : ['--model', here(model)]),
    ...(round === undefined ? [] : ['--round', String(round)]),
    ...['--out', quoted(resolve(out))],
  ];
  return ['thaw federated finish', here(folder), ...(data === undefined ? [] : [here(data)]), ...options].join(' ');
}

/** `run`, or the first of `run-2`, `run-3`, … that is absent or unfinished. */
async function freePlace(folder: string): Promise<string> {
  for (let n = 1; ; n++) {
    const path = join(folder, n === 1 ? 'run' : `run-${n}`);
    if (await isFree(path)) return path;
  }
}

/** The data for the evaluation. Nothing is held out for training. */
async function openMeasured(
  data: string | undefined,
  format: InputFormat,
  task: Task,
  { signal }: JobHooks,
): Promise<Dataset> {
  const { classes } = task;
  if (data === undefined) return { classes, train: [], val: [], test: [], problems: [] };
  const reading = keptReading(TASKS[task.facts.task].reads(), classes);
  const opened = await openLabelled(data, format, { ...reading, valFraction: 0, signal });
  const { train, val, test } = opened;
  const measured = val.length ? val : test.length ? test : train;
  if (measured.length) return { ...opened, train: [], val: measured, test: val.length ? test : [] };
  throw new ThawError('bad-data', `${basename(data)} has no samples to evaluate the model`, 'Give labelled samples');
}
