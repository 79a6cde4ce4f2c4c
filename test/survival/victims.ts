/** Commands to be killed: trainings, each with a setting of its own, on the embedded model and drawn images; sweeps, exports, federated finishes. */
import { cpSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { TrainingSettings } from '../../src/session/index.ts';
import { makeFederation } from '../hostile/run-projects.ts';
import { type Ended, start } from './program.ts';

/** What all lives of a victim have in common. */
export interface Place {
  readonly program: string;
  /** Of images. */
  readonly data: string;
  /** The victim's own. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface Victim {
  /** Makes what lives begin with, once. */
  prepare?(place: Place): Promise<void>;
  /** Puts that into a life's own folder. */
  begin?(place: Place, out: string): void;
  /** The command on a folder that is as it is: at first, and after each kill. */
  words(place: Place, out: string): readonly string[];
  /** What a command says that was killed when all was done, before it could say so. */
  readonly done?: string;
  /** Beneath its folder, the run directories. */
  readonly runs?: readonly string[];
}

/** Of all: several stages, augmentation, features on disk, images read ahead (as always), a checkpoint after every step. */
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

/** A finished run in another form. @param flags of the form; `file` is what is written, in the run */
const exporting = (flags: readonly string[], file: string): Victim => ({
  async prepare(place) {
    await training(SHORT).prepare?.(place);
    const words = training(SHORT).words(place, join(place.folder, 'finished'));
    succeeded(await start(place.program, words, place.env).ended);
  },
  begin: ({ folder }, out) => cpSync(join(folder, 'finished'), out, { recursive: true }),
  words: (_, out) => ['export', out, ...flags, '--out', join(out, file), '--json'],
});

/** @throws Error with what the command said */
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
  // The plan decides about its later stages.
  adaptive: training({ ...COMMON, lr: 0.01, epochs: 8 }),
  // Its rate is too large, so that it goes back and tries smaller ones.
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
  // Three trials, of which one goes on.
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
