import { describe, expect, it } from 'vitest';
import type { Inference } from '../../src/compiler/shapes/index.ts';
import { PLAN_DEFAULTS, trainingModel } from '../../src/compiler/step/index.ts';
import { type Tensor, tensor, writeModel } from '../../src/onnx/index.ts';
import type { Checkpoint, Trainer, TrainingConfigInput } from '../../src/training/index.ts';
import { ALL, BATCH, eventsOf, HEAD, numbers, of, outcome, saved, train, trainerOf } from './harness.ts';
import { prepared, runtime } from './network.ts';

/** Gradients at the given parameters, from the artifact that training does not use. */
async function gradients(network: Inference, state: ReadonlyMap<string, Tensor>, epoch: number, batch: number) {
  const plan = { ...PLAN_DEFAULTS, trainable: new Set(ALL), output: 'logits' };
  const session = await runtime.load(writeModel(trainingModel(network, plan)));
  const batches = [];
  for await (const one of train.batches({ epoch, batchSize: BATCH })) batches.push(one);
  const { inputs, labels } = batches[batch];
  const results = await session.run({
    pixel_values: inputs[0],
    labels: tensor('int64', [labels.length], labels),
    ...Object.fromEntries(ALL.map((name) => [name, state.get(name) ?? network.model.graph.initializers.get(name)!])),
  });
  await session.release();
  return (name: string) => numbers(results[`${name}.grad`]);
}

/** The checkpoint after every step. */
async function stepStates(trainer: Trainer) {
  const states: ReadonlyMap<string, Tensor>[] = [];
  for await (const event of trainer.run()) if (event.type === 'step') states.push((await trainer.checkpoint()).state);
  return states;
}

const expectClose = (found: number[], exact: number[], what: string) => {
  const scale = Math.max(...exact.map(Math.abs));
  expect(Math.max(...exact.map((v, i) => Math.abs(found[i] - v))) / scale, what).toBeLessThan(1e-5);
};

describe('the optimizer over stages', () => {
  it('keeps its state: a thawed parameter starts its own step count, and a frozen one pauses it', async () => {
    const { network } = await prepared();
    const stages = [
      { train: 'head', epochs: 1 },
      { train: 'conv1', epochs: 1 },
      { train: 'all', epochs: 1 },
    ];
    const CONV1 = ['conv1.weight', 'conv1.bias'];
    const lr = 0.01;
    const [beta1, beta2, epsilon] = [0.9, 0.999, 1e-8];
    const states = await stepStates(
      await trainerOf({ stages, lr, pretrainedRate: 1, schedule: 'constant', optimizer: 'adam' }),
    );

    // torch.optim.Adam in double precision. Parameters join when they thaw.
    const stateBefore = (step: number) => (step === 0 ? new Map<string, Tensor>() : states[step - 1]);
    const moments = new Map<string, { m: number[]; v: number[]; t: number }>();
    for (let step = 0; step < 12; step++) {
      const gradientOf = await gradients(network, stateBefore(step), Math.floor(step / 4), step % 4);
      for (const name of [HEAD, CONV1, ALL][Math.floor(step / 4)]) {
        const old = numbers(stateBefore(step).get(name) ?? network.model.graph.initializers.get(name));
        const g = gradientOf(name);
        const { m, v, t } = moments.get(name) ?? { m: g.map(() => 0), v: g.map(() => 0), t: 0 };
        const next = {
          m: m.map((x, i) => beta1 * x + (1 - beta1) * g[i]),
          v: v.map((x, i) => beta2 * x + (1 - beta2) * g[i] ** 2),
          t: t + 1,
        };
        moments.set(name, next);
        const moved = old.map((p, i) => {
          const scale = Math.sqrt(next.v[i]) / Math.sqrt(1 - beta2 ** next.t) + epsilon;
          return p - ((lr / (1 - beta1 ** next.t)) * next.m[i]) / scale;
        });
        expectClose(numbers(states[step].get(name)), moved, `${name} after step ${step + 1}`);
      }
    }
    expect(Object.fromEntries([...moments].map(([name, { t }]) => [name, t]))).toEqual({
      ...Object.fromEntries([...HEAD, ...CONV1].map((name) => [name, 8])),
      'conv2.weight': 4,
      'conv2.bias': 4,
    });
  });

  it('trains pretrained layers at a tenth of the rate, groups at their own factor, the head at the full rate', async () => {
    const { network } = await prepared();
    const trainer = await trainerOf({
      trainable: 'all',
      epochs: 1,
      lr: 0.5,
      schedule: 'constant',
      groupRates: { conv1: 0.5 },
      optimizer: { name: 'sgd', momentum: 0 },
    });
    const [state] = await stepStates(trainer);
    const gradientOf = await gradients(network, new Map(), 0, 0);
    for (const name of ALL) {
      const rate = 0.5 * (HEAD.includes(name) ? 1 : name.startsWith('conv1') ? 0.05 : 0.1);
      const initial = numbers(network.model.graph.initializers.get(name));
      expectClose(
        numbers(state.get(name)),
        initial.map((p, i) => p - rate * gradientOf(name)[i]),
        name,
      );
    }
  });

  it('changes momentum in one cycle, also resumed or accumulated, and keeps it constant otherwise', async () => {
    const { network } = await prepared();
    const config: TrainingConfigInput = {
      trainable: 'all',
      epochs: 1,
      lr: 0.1,
      pretrainedRate: 1,
      schedule: { name: 'one-cycle', momentum: [0.5, 0.9] },
      optimizer: 'sgd',
    };
    const trainer = await trainerOf(config);
    const checkpoints: Checkpoint[] = [];
    const rates: number[] = [];
    for await (const event of trainer.run()) {
      if (event.type !== 'step') continue;
      checkpoints.push(saved(await trainer.checkpoint()));
      rates.push(event.lr);
    }
    // OneCycleLR(total_steps=4, pct_start=0.3): the rate peaks at step 0.2 and ends at step 3.
    const momenta = [0, 1, 2, 3].map((t) => (t <= 0.2 ? 0.9 : 0.9 - 0.2 * (1 + Math.cos((Math.PI * (t - 0.2)) / 2.8))));
    let velocity = numbers(network.model.graph.initializers.get('fc.weight')).map(() => 0);
    for (const [step, { state }] of checkpoints.entries()) {
      const before = step ? checkpoints[step - 1].state : new Map<string, Tensor>();
      const gradientOf = await gradients(network, before, 0, step);
      const old = numbers(before.get('fc.weight') ?? network.model.graph.initializers.get('fc.weight'));
      velocity = velocity.map((v, i) => momenta[step] * v + gradientOf('fc.weight')[i]);
      const next = old.map((p, i) => p - rates[step] * velocity[i]);
      expectClose(numbers(state.get('fc.weight')), next, `after step ${step + 1}`);
    }
    const resumed = await trainerOf(config, { resume: checkpoints[1] });
    await eventsOf(resumed);
    expect((await outcome(resumed)).state).toEqual((await outcome(trainer)).state);
    const still = await trainerOf({ ...config, schedule: { name: 'one-cycle', momentum: false } });
    await eventsOf(still);
    expect((await outcome(still)).state).not.toEqual((await outcome(trainer)).state);
    const summed = await trainerOf({ ...config, accumulate: 2, optimizer: 'adamw' });
    expect(of(await eventsOf(summed), 'end')[0].why).toBe('finished');
  });

  it('warms up parameters that a later stage thaws, also when resumed; the others continue unchanged', async () => {
    const { network } = await prepared();
    const stages = [
      { train: 'head', epochs: 1 },
      { train: 'last:2', epochs: 2 },
    ];
    const config = {
      stages,
      lr: 0.1,
      pretrainedRate: 1,
      schedule: { name: 'constant', warmup: 0 },
      optimizer: { name: 'sgd', momentum: 0 },
      thawWarmup: 1,
    } as const;
    const trainer = await trainerOf(config);
    const checkpoints: Checkpoint[] = [];
    for await (const event of trainer.run())
      if (event.type === 'step') checkpoints.push(saved(await trainer.checkpoint()));
    for (let step = 4; step < 12; step++) {
      const before = checkpoints[step - 1].state;
      const gradientOf = await gradients(network, before, Math.floor(step / 4), step % 4);
      for (const name of ['conv2.weight', 'conv2.bias', ...HEAD]) {
        const rate = 0.1 * (HEAD.includes(name) ? 1 : Math.min(1, (step - 3) / 4));
        const old = numbers(before.get(name) ?? network.model.graph.initializers.get(name));
        const next = old.map((p, i) => p - rate * gradientOf(name)[i]);
        expectClose(numbers(checkpoints[step].state.get(name)), next, `${name} after step ${step + 1}`);
      }
    }
    const resumed = await trainerOf(config, { resume: checkpoints[5] });
    await eventsOf(resumed);
    expect((await outcome(resumed)).state).toEqual((await outcome(trainer)).state);
  });

  it('follows the schedule over the steps of a stage, and rows show the rate of the last step', async () => {
    const schedule = { name: 'linear', warmup: 0.25, end: 0 } as const;
    const events = await eventsOf(await trainerOf({ trainable: 'head', epochs: 2, lr: 1, schedule }));
    const rates = of(events, 'step').map(({ lr }) => lr);
    const expected = [1 / 3, 2 / 3, ...[0, 1, 2, 3, 4, 5].map((t) => 1 - t / 6)];
    rates.forEach((rate, i) => {
      expect(rate).toBeCloseTo(expected[i], 12);
    });
    expect(of(events, 'epoch').map(({ lr }) => lr)).toEqual([rates[3], rates[7]]);
  });
});
