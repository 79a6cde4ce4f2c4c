import { describe, expect, it } from 'vitest';
import { readModel } from '../../src/onnx/index.ts';
import type { Runtime } from '../../src/runtime/index.ts';
import {
  type Checkpoint,
  Evaluator,
  FeatureCache,
  parseConfig,
  type TrainingConfigInput,
  trainingSchema,
} from '../../src/training/index.ts';
import { BATCH, eventsOf, task, trainerOf, val } from './harness.ts';
import { type NetworkOptions, prepared, runtime } from './network.ts';
import { RecallableImages } from './source.ts';

const stages = [
  { train: 'head', epochs: 1 },
  { train: 'last:2', epochs: 2 },
];

/** An evaluator of the checkpoint, and the names of the graphs that it loads. */
async function opened(
  checkpoint: Checkpoint,
  config: TrainingConfigInput,
  network: NetworkOptions,
  features?: FeatureCache,
) {
  const loaded: string[] = [];
  const watched: Runtime = {
    ...runtime,
    load: (model, options) => {
      loaded.push(readModel(model).graph.name);
      return runtime.load(model, options);
    },
  };
  const evaluator = await Evaluator.open({
    ...(await prepared(network)),
    ...{ task, runtime: watched, features, checkpoint },
    config: parseConfig(trainingSchema, { batch: BATCH, ...config }),
  });
  return { evaluator, loaded };
}

describe('an evaluator of a checkpoint', () => {
  it.each<[string, TrainingConfigInput, NetworkOptions]>([
    ['of a stage that freezes layers', { stages }, {}],
    ['of all layers', { trainable: 'all', epochs: 2, optimizer: 'adafactor' }, {}],
    ['of averaged weights', { stages, ema: 0.7, accumulate: 2 }, {}],
    ['with statistics that train', { stages, batchNorm: 'training', dropout: 0.3 }, { batchNorm: true }],
    ['of a loss that training changes', { stages, loss: { name: 'cross-entropy', labelSmoothing: 0.2 }, l2: 0.1 }, {}],
  ])('%s has the losses of the training, to the bit, without its graphs', async (_, config, network) => {
    const trainer = await trainerOf(config, {}, network);
    for await (const event of trainer.run()) {
      if (event.type !== 'epoch') continue;
      const { evaluator, loaded } = await opened(await trainer.checkpoint(), config, network);
      const { loss, predictions } = await evaluator.predict(val, BATCH);
      await evaluator.release();
      expect(task.scores(task.evaluation(predictions, loss))).toEqual(event.val);
      expect(loaded.filter((name) => /^thaw_(.*step|update)$/.test(name))).toEqual(['thaw_evaluation_step']);
    }
  });

  it('uses the features that the training has cached', async () => {
    const features = new FeatureCache();
    const images = { train: new RecallableImages(12, 1), val: new RecallableImages(9, 2) };
    const trainer = await trainerOf({ stages }, { ...images, features });
    await eventsOf(trainer);
    const before = images.val.drawn.length;
    const { evaluator } = await opened(await trainer.checkpoint(), { stages }, {}, features);
    await evaluator.predict(images.val, BATCH);
    await evaluator.release();
    expect(images.val.drawn.length).toBe(before);
  });

  it('predicts before, between and after the epochs of a training', async () => {
    const trainer = await trainerOf({ stages });
    const first = await trainer.evaluate();
    const events: number[] = [];
    for await (const event of trainer.run()) {
      if (event.type === 'before') expect(event.val).toEqual(first);
      if (event.type === 'epoch') {
        events.push(event.val.loss);
        expect((await trainer.predict(val)).loss).toBe(event.val.loss);
      }
      if (event.type === 'end') expect((await trainer.predict(val)).loss).toBe(events.at(-1));
    }
    expect((await trainer.predict(val)).loss).toBe(events.at(-1));
    await trainer.release();
  });
});
