import type { RunIdentity } from '../../../src/node/run/index.ts';
import type { Checkpoint, EpochRow } from '../../../src/training/index.ts';
import { weights } from '../../small-models.ts';

export const identity: RunIdentity = {
  model: 'a'.repeat(64),
  classes: ['ant', 'bee'],
  samples: { sha256: 'b'.repeat(64), train: 10, val: 4, test: 0 },
};

export const row = (epoch: number): EpochRow => ({
  epoch,
  stage: 1,
  trainable: 12,
  lr: 1e-3 / 3,
  train: { loss: 1 / epoch, accuracy: 0.5 },
  val: { loss: 2 / epoch, accuracy: 0.25 },
  seconds: 0.1,
});

/** A checkpoint after a number of steps. Every weight encodes the step. */
export function checkpointAt(step: number, size = 8): Checkpoint {
  return {
    progress: {
      stages: null,
      decisions: [],
      step,
      stage: 0,
      stageEpoch: 1,
      epoch: 1,
      batchSize: 16,
      batch: 3,
      scores: { lossSum: 0.1 + 0.2, count: 3, sums: { correct: 1 } },
      seconds: 1,
      thawedAt: { '193': 0, 'head.weight': 2 },
      rows: [{ ...row(1), val: { loss: Number.NaN, accuracy: 0 } }],
      best: null,
      stale: 0,
      stageBest: null,
      entry: null,
      level: null,
      rollbacks: [],
      findings: [],
    },
    state: new Map([
      ['head.weight', { ...weights([size, 3]), data: new Float32Array(size * 3).fill(step) }],
      ['head.weight.exp_avg', weights([size, 3], 2)],
      ['193', weights([4], 3)],
    ]),
  };
}
