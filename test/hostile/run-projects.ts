/** One folder of each kind that Thaw writes and reads again, and the commands that read them. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { explainProcessEnd } from '../../src/cli/process-end.ts';
import { readSafetensors, writeSafetensors } from '../../src/compiler/step/index.ts';
import {
  calibrate,
  exportRun,
  finishFederation,
  firstState,
  type JobEvent,
  merge,
  resume,
  resumeSweep,
  round,
  sweep,
  train,
} from '../../src/node/commands/index.ts';
import { evaluate, predict } from '../../src/node/library/index.ts';
import { openRun } from '../../src/node/run/index.ts';
import { makeProject, type Project } from '../node/commands/project.ts';

const SETTINGS = { device: 'cpu', batch: 3, lr: 0.02, views: 0, cache: 'off', saveEvery: 0 } as const;
const STAGES = [
  { train: 'head', epochs: 1 },
  { train: 'last:2', epochs: 1 },
];

const QUICK = { ...SETTINGS, stages: STAGES.slice(1) };

/** The names of the folders in `folder`. All of them are read-only. */
export const KINDS = ['stopped', 'finished', 'adapters', 'sweep', 'federation'] as const;
export type Kind = (typeof KINDS)[number];

/** Trains and federates to create one folder of each kind. */
export async function makeFolders(): Promise<Project> {
  const project = await makeProject({ train: 2, val: 2 });
  const { model, data, folder } = project;
  const settings = { ...SETTINGS, stages: STAGES };
  const request = (name: Kind) => ({ model, data, out: join(folder, name), settings });
  await stopped((hooks) => train(request('stopped'), hooks), 'step', 3);
  await train(request('finished'));
  const adapted = { ...request('adapters'), settings: { ...SETTINGS, lora: { rank: 2 }, stages: [STAGES[1]] } };
  await train({ ...adapted, settings: { ...adapted.settings, ema: 0.9, artifacts: false } });
  const plan = { try: { lr: [0.01, 0.02] }, seeds: [1, 2] };
  await stopped((hooks) => sweep({ ...request('sweep'), settings, ...plan, stop: 'none' }, hooks), 'trial', 2);
  await makeFederation(join(folder, 'federation'), project);
  return project;
}

/** Stops a command at the n-th event of a type. */
async function stopped(
  run: (hooks: { signal: AbortSignal; onEvent: (event: { type: string }) => void }) => Promise<unknown>,
  type: (JobEvent | { type: 'trial' })['type'],
  n: number,
): Promise<void> {
  const stop = new AbortController();
  let seen = 0;
  const onEvent = (event: { type: string }) => {
    if (event.type === type && ++seen === n) stop.abort();
  };
  await run({ signal: stop.signal, onEvent });
}

/** One round with one client, as the server of `thaw federated init` records it. */
export async function makeFederation(folder: string, { model, data }: Pick<Project, 'model' | 'data'>): Promise<void> {
  const stages = [{ train: 'head', epochs: 1, lr: 0.02 }];
  const settings = { device: 'cpu', batch: 6, schedule: 'constant', stages } as const;
  const classes = ['blue', 'green', 'red'];
  const first = await firstState({ model, settings: { ...settings, stages: [...stages], labels: classes } });
  const request = { model, data, state: first, settings: { ...settings, stages: [...stages], cache: 'off' as const } };
  const { tensors, metadata } = readSafetensors((await round(request)).state!);
  mkdirSync(join(folder, 'states'), { recursive: true });
  const state = writeSafetensors({ tensors, metadata: { ...metadata, rounds: '1' } });
  writeFileSync(join(folder, 'state.safetensors'), state);
  writeFileSync(join(folder, 'states', 'round-1.safetensors'), state);
  const time = '2026-01-02T03:04:05+00:00';
  const scores = { loss: 1.5, accuracy: 0.5 };
  const clients = [
    { client: '77', name: 'near', examples: 6, down: 1000, up: 900, train: scores, val: { examples: 6, ...scores } },
    { client: '12345678901234567890', down: 1000, dropped: 'it broke' },
  ];
  const lines = [
    { type: 'sitting', time, model, strategy: { name: 'fedprox', 'proximal-mu': 0.1 }, flower: '1.42.0', rounds: 0 },
    { type: 'round', time, round: 1, stage: 1, seconds: 10, settings, clients },
    { type: 'evaluation', time, round: 1, seconds: 4, clients: clients.slice(0, 1) },
  ];
  writeFileSync(join(folder, 'record.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

/** The command to run on the copy of a folder at `path`. */
type Command = (path: string, project: Project) => Promise<string>;

const image = ({ data }: Project) => join(data, 'val', 'red', '0.png');

/** The folder to read and the command, by name. */
export const COMMANDS: Readonly<Record<string, readonly [Kind, Command]>> = {
  resume: ['stopped', async (path) => (await resume(path)).status],
  'resume, without a report': ['finished', async (path) => reportedAgain(path)],
  'train into it': [
    'stopped',
    (out, { model, data }) =>
      train({ model, data, out, settings: QUICK }).then(
        ({ status }) => status,
        (error: Error) => {
          if (!error.message.includes('already contains a run')) throw error;
          return 'it contains a run';
        },
      ),
  ],
  eval: ['finished', async (model, { data }) => typeof (await evaluate({ model, data })).accuracy],
  predict: ['finished', async (model, project) => (await predict({ model, images: [image(project)] }))[0]?.label],
  calibrate: [
    'finished',
    async (model, { data }) => `temperature: ${typeof (await calibrate({ model, data })).temperature}`,
  ],
  'export, stopped': ['stopped', async (run) => exported(await exportRun({ run }))],
  'export, float16': ['finished', async (run) => exported(await exportRun({ run, form: 'fp16' }))],
  'export, int8': ['adapters', async (run) => exported(await exportRun({ run, form: 'int8' }))],
  'train from it': [
    'finished',
    async (model, { data }) => (await train({ model, data, out: `${model}-next`, settings: QUICK })).status,
  ],
  merge: ['adapters', async (adapters, { model }) => exported(await merge({ model, adapters }))],
  'resume, adapters': ['adapters', async (path) => reportedAgain(path)],
  rows: ['finished', async (path) => `${(await (await openRun(path)).rows()).length} rows`],
  death: ['stopped', async (run) => (await explainProcessEnd({ ...KILLED, run })).line.replace(run, '')],
  'resume, sweep': ['sweep', async (path) => (await resumeSweep(path)).status],
  'federated finish': ['federation', async (folder, { model }) => (await finishFederation({ folder, model })).status],
  'federated finish, measured': [
    'federation',
    async (folder, { model, data }) => (await finishFederation({ folder, model, data, round: 1 })).status,
  ],
};

/** Finishes a run whose report is missing. */
async function reportedAgain(path: string): Promise<string> {
  rmSync(join(path, 'report.html'), { recursive: true, force: true });
  return (await resume(path)).status;
}

const KILLED = { code: null, signal: 'SIGKILL', killed: false, output: '' } as const;

const exported = ({ bytes }: { readonly bytes: number }) => (bytes > 0 ? 'exported' : 'nothing');

/** The contents of a file in a folder. */
export const contentOf = (project: Project, kind: Kind, file: string): Uint8Array =>
  readFileSync(join(project.folder, kind, file));
