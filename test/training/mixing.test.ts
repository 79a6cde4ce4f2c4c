// Mixed images train with mixed labels, and are not cached.
import { describe, expect, it } from 'vitest';
import { mixedSource } from '../../src/data/index.ts';
import { bytesOf } from '../../src/onnx/index.ts';
import { classification } from '../../src/tasks/index.ts';
import {
  type EpochRow,
  FeatureCache,
  parseConfig,
  Trainer,
  type TrainingConfigInput,
  trainingSchema,
} from '../../src/training/index.ts';
import { CLASSES, prepared, runtime } from './network.ts';
import { RecallableImages } from './source.ts';

const mixed = { mixup: 0.8, cutmix: 1, mixProbability: 1 };
const plain = { mixup: 0, cutmix: 0, mixProbability: 1 };

async function run(mixing: typeof mixed, more: TrainingConfigInput = {}, stopAt?: number) {
  const train = new RecallableImages(23, 1);
  const val = new RecallableImages(15, 2);
  const features = new FeatureCache();
  const options = {
    ...(await prepared()),
    task: classification(['red', 'green', 'blue']),
    train: mixedSource(train, { ...mixing, seed: 3, classes: CLASSES, layout: 'nchw' }),
    val,
    config: parseConfig(trainingSchema, {
      ...{ trainable: 'head', epochs: 4, views: 2, lr: 0.05, batch: 6, seed: 3, ...mixing, ...more },
    }),
    runtime,
    features,
  };
  const trainer = new Trainer(options);
  let steps = 0;
  for await (const event of trainer.run()) if (event.type === 'step' && ++steps === stopAt) trainer.interrupt();
  const whole = stopAt ? new Trainer({ ...options, resume: await trainer.checkpoint() }) : trainer;
  if (stopAt) for await (const _ of whole.run());
  const { progress, state } = await whole.checkpoint();
  return {
    drawn: train.drawn.length,
    remembered: features.size,
    rows: progress.rows.map(({ seconds: _, ...row }): Omit<EpochRow, 'seconds'> => row),
    state: Object.fromEntries([...state].map(([name, t]) => [name, bytesOf(t).join()])),
  };
}

const learning: TrainingConfigInput = { trainable: 'all', pretrainedRate: 1, epochs: 12, lr: 0.02 };

describe('mixup and CutMix', () => {
  it('learn, and give the same result when repeated or when stopped and resumed', async () => {
    const once = await run(mixed, learning);
    expect((await run(mixed, learning)).state).toEqual(once.state);
    const resumed = await run(mixed, learning, 7);
    expect(resumed.state).toEqual(once.state);
    expect(resumed.rows).toEqual(once.rows);
    expect(once.rows.at(-1)!.val.accuracy).toBeGreaterThan(0.9);
    // No label is certain, so the training loss stays above the validation loss.
    expect(once.rows.at(-1)!.train.loss).toBeGreaterThan(once.rows.at(-1)!.val.loss);
  });

  it('decode every image in every epoch, and cache only validation features', async () => {
    const [blends, images] = [await run(mixed), await run(plain)];
    expect(blends.drawn).toBe(4 * 23);
    expect(images.drawn).toBe(2 * 23);
    expect(images.remembered / blends.remembered).toBeCloseTo((2 * 23 + 15) / 15, 10);
  });

  it.each(['bce-with-logits', 'kl', 'mse'] as const)('reach %s as numbers', async (loss) => {
    const { rows, state } = await run(mixed, { loss, epochs: 2 });
    expect(rows.every(({ train }) => Number.isFinite(train.loss))).toBe(true);
    expect(state).not.toEqual((await run({ ...mixed, cutmix: 0 }, { loss, epochs: 2 })).state);
  });

  it('change nothing if no batch is mixed, because one-hot rows are labels too', async () => {
    const [blends, images] = [
      await run({ ...plain, mixup: 0.5, mixProbability: 1e-12 }, { views: 0 }),
      await run(plain, { views: 0 }),
    ];
    const losses = ({ rows }: typeof blends) => rows.map(({ train }) => train.loss);
    for (const [i, loss] of losses(images).entries()) expect(losses(blends)[i]).toBeCloseTo(loss, 5);
  });
});
