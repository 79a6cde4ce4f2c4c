/**
 * A training of one second in this process, for disks that fail: two stages, a checkpoint after every step, all kinds
 * of files.
 */
import type { TrainingSettings } from '../../src/session/index.ts';

export const TINY: TrainingSettings = {
  device: 'cpu',
  batch: 6,
  lr: 0.03,
  ema: 0.9,
  saveEvery: 0,
  stages: [
    { train: 'head', epochs: 2 },
    { train: 'last:2', epochs: 1 },
  ],
};
