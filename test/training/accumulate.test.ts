import { describe, expect, it } from 'vitest';
import { readSafetensors, writeSafetensors } from '../../src/compiler/step/index.ts';
import { bytesOf, type Tensor } from '../../src/onnx/index.ts';
import { classification } from '../../src/tasks/index.ts';
import {
  type Checkpoint,
  parseConfig,
  Trainer,
  type TrainerOptions,
  type TrainingConfigInput,
  trainingSchema,
} from '../../src/training/index.ts';
import { prepared, runtime } from './network.ts';
import { SyntheticImages } from './source.ts';

const task = classification(['red', 'green', 'blue']);

const numbers = (value: Tensor | undefined): number[] => Array.from(value!.data as Float32Array);
const distance = (found: readonly number[], exact: readonly number[]): number =>
  Math.max(...exact.map((v, i) => Math.abs(found[i] - v))) / Math.max(...exact.map(Math.abs));

describe('accumulated batches', () => {
  /** 23 images: 16 per step make one full batch and one of 7. */
  const train = new SyntheticImages(23, 1);

  async function trainerOf(config: TrainingConfigInput, options: Partial<TrainerOptions> = {}) {
    return new Trainer({
      ...(await prepared()),
      task,
      train,
      val: new SyntheticImages(15, 2),
      config: parseConfig(trainingSchema, { lr: 0.02, pretrainedRate: 1, seed: 3, ...config }),
      runtime,
      ...options,
    });
  }

  const stages = [
    { train: 'head', epochs: 1 },
    { train: 'all', epochs: 2 },
  ];

  async function finished(trainer: Trainer) {
    const rates: number[] = [];
    for await (const event of trainer.run()) if (event.type === 'step') rates.push(event.lr);
    return { rates, ...(await trainer.checkpoint()) };
  }

  it.each(['adam', 'sgd', 'adagrad'])('train as one batch of all their images, by %s', async (optimizer) => {
    const whole = await finished(await trainerOf({ stages, optimizer, batch: 16, l2: 0.01 }));
    const parts = await finished(await trainerOf({ stages, optimizer, batch: 4, accumulate: 4, l2: 0.01 }));
    expect(parts.progress.step).toBe(whole.progress.step);
    expect(parts.progress.thawedAt).toEqual(whole.progress.thawedAt);
    expect(parts.rates.filter((_, i) => [0, 4].includes(i % 6))).toEqual(whole.rates);
    expect([...parts.state.keys()]).toEqual([...whole.state.keys()]);
    for (const [name, value] of whole.state) {
      // The relative error of a second moment is twice that of the gradient.
      expect(distance(numbers(parts.state.get(name)), numbers(value)), name).toBeLessThan(2e-6);
    }
    parts.progress.rows.forEach((row, i) => {
      expect(row.val.loss).toBeCloseTo(whole.progress.rows[i].val.loss, 5);
    });
  });

  it('give the same result when stopped and resumed: between updates, within one, before the last update of an epoch', async () => {
    const config = { stages, batch: 4, accumulate: 4, dropout: 0.4 };
    const whole = await finished(await trainerOf(config));
    const bytes = ({ state }: Checkpoint) =>
      Object.fromEntries([...state].map(([name, t]) => [name, bytesOf(t).join()] as const).sort());
    const kept: boolean[] = [];
    for (const at of [2, 4, 6, 9]) {
      const first = await trainerOf(config);
      let steps = 0;
      for await (const event of first.run()) if (event.type === 'step' && ++steps === at) first.interrupt();
      const { progress, state } = await first.checkpoint();
      kept.push(state.has('fc.weight.grad_sum'));
      const { tensors } = readSafetensors(writeSafetensors({ tensors: state, metadata: {} }));
      const second = await finished(await trainerOf(config, { resume: { progress, state: tensors } }));
      expect(second.progress.step).toBe(whole.progress.step);
      expect(bytes(second), `stopped after batch ${at}`).toEqual(bytes(whole));
    }
    expect(kept).toEqual([true, false, true, true]);
    expect([...whole.state.keys()].filter((name) => /sum|samples/.test(name))).toEqual([]);
  });
});
