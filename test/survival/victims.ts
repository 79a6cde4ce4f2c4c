/** Trainings to be killed: each a setting of its own, on the embedded model and drawn pictures. */
import type { TrainSettingsInput } from '../../src/recipe/index.ts';

/** Of all: several stages, augmentation, features on disk, pictures read ahead (as always), a checkpoint after every step. */
const COMMON = { device: 'cpu', batch: 6, seed: 3, cache: 'disk', augment: 'medium', saveEvery: 0 } as const;

export const VICTIMS: Readonly<Record<string, TrainSettingsInput>> = {
  stages: {
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
  },
  adapters: {
    ...COMMON,
    lora: { rank: 2 },
    mixup: 0.2,
    optimizer: 'lion',
    sampling: 'balanced',
    stages: [{ train: 'all', epochs: 3 }],
  },
  // Its rate is too large, so that it goes back and tries smaller ones.
  rollbacks: {
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
  },
};
