/**
 * Commands to kill: trainings with various settings on the embedded model and synthetic images, sweeps, exports and
 * federated finishes.
 */
import { cpSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { TrainingSettings } from '../../src/session/index.ts';
import { makeFederation } from '../hostile/run-projects.ts';
import { type Ended, start } from './program.ts';

/** The parts that all lives of a victim share. */
export interface Place {
  readonly program: string;
  /** The folder of images. */
  readonly data: string;
  /** The victim's own folder. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface Victim {
  /** Creates the shared starting point, once. */
  prepare?(place: Place): Promise<void>;
  /** Copies the starting point into the folder of a life. */
  begin?(place: Place, out: string): void;
  /** The command for the current state of the folder: at first, and after each kill. */
  words(place: Place, out: string): readonly string[];
  /** The message of a command that was killed after its work was done, before it could report that. */
  readonly done?: string;
  /** The run directories below its folder. */
  readonly runs?: readonly string[];
}

/**
 * Shared settings: several stages, augmentation, features on disk, prefetched images (the default), a checkpoint after
 * every step.
 */
const COMMON = { device: 'cpu', batch: 6, seed: 3, cache: 'disk', augment: 'medium', saveEvery: 0 } as const;

const configOf = ({ folder }: Place) => join(folder, 'thaw.yaml');

const training = (settings: TrainingSettings): Victim => ({
  async prepare(place) {
    writeFileSync(configOf(place), stringify(settings));
  },
  words: (place, out) =>
    existsSync(join(out, 'checkpoints', 'source.json'))
      ? ['resume', out, '--json']
      : ['train', 'default', place.data, '--config', configOf(place), '--json', '--out', out],
  done: 'is finished',
});

const SHORT: TrainingSettings = { ...COMMON, lr: 0.02, stages: [{ train: 'head', epochs: 1 }] };

/** Exports a finished run. @param flags the export flags; `file` is the output, in the run */
const exporting = (flags: readonly string[], file: string): Victim => ({
  async prepare(place) {
    await training(SHORT).prepare?.(place);
    const words = training(SHORT).words(place, join(place.folder, 'finished'));
    succeeded(await start(place.program, words, place.env).ended);
  },
  begin: ({ folder }, out) => cpSync(join(folder, 'finished'), out, { recursive: true }),
  words: (_, out) => ['export', out, ...flags, '--out', join(out, file), '--json'],
});

/** @throws Error with the output of the command */
export function succeeded(ended: Ended): Ended {
  if (ended.code !== 0) throw new Error(`it ended with ${ended.code}: ${ended.stderr}`);
  return ended;
}

export const VICTIMS: Readonly<Record<string, Victim>> = {
  stages: training({
    ...COMMON,
    lr: 0.01,
    ema: 0.9,
    accumulate: 2,
    dropout: 0.2,
    stages: [
      { train: 'head', epochs: 2 },
      { train: 'last:2', epochs: 1 },
      { train: 'last:3', epochs: 2, batchNorm: 'training' },
    ],
  }),
  adapters: training({
    ...COMMON,
    lora: { rank: 2 },
    mixup: 0.2,
    optimizer: 'lion',
    sampling: 'balanced',
    stages: [{ train: 'all', epochs: 3 }],
  }),
  // The plan decides on its later stages.
  adaptive: training({ ...COMMON, lr: 0.01, epochs: 8 }),
  // The rate is too large, so the training rolls back and tries smaller rates.
  rollbacks: training({
    ...COMMON,
    lr: 2000,
    optimizer: 'sgd',
    rollbacks: { most: 30, factor: 0.1 },
    cache: 'memory',
    saveEvery: 5,
    stages: [
      { train: 'head', epochs: 2 },
      { train: 'last:2', epochs: 2 },
    ],
  }),
  // Three trials, one of which continues.
  sweep: {
    async prepare(place) {
      writeFileSync(configOf(place), stringify({ ...SHORT, stages: [{ train: 'head', epochs: 3 }] }));
    },
    words: (place, out) =>
      existsSync(join(out, 'sweep.json'))
        ? ['resume', out, '--json']
        : [
            ...['sweep', 'default', place.data, '--config', configOf(place), '--json', '--out', out],
            ...['--try', 'lr=0.002,0.01,0.05', '--keep', '3'],
          ],
    runs: ['trial-1', 'trial-2', 'trial-3'],
  },
  quantize: exporting(['--quantize'], 'model/onnx/model_quantized.onnx'),
  fp16: exporting(['--fp16'], 'model/onnx/model_fp16.onnx'),
  plain: exporting([], 'plain.onnx'),
  federated: {
    async prepare({ folder, data }) {
      await makeFederation(join(folder, 'federation'), { model: 'default', data });
    },
    words: ({ folder, data }, out) => [
      'federated',
      'finish',
      join(folder, 'federation'),
      data,
      '--model',
      'default',
      '--out',
      out,
      '--json',
    ],
    done: 'already contains a run',
  },
};
