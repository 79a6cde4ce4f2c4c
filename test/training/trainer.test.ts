import { describe, expect, it } from 'vitest';
import { PLAN_DEFAULTS, readSafetensors, trainingModel, writeSafetensors } from '../../src/artifacts/index.ts';
import { ThawError } from '../../src/errors.ts';
import { bytesOf, type Tensor, tensor, writeModel } from '../../src/onnx/index.ts';
import type { Inference } from '../../src/shapes/index.ts';
import { classification } from '../../src/tasks/index.ts';
import {
  type Checkpoint,
  parseConfig,
  Trainer,
  type TrainerOptions,
  type TrainingConfigInput,
  type TrainingEvent,
  trainingSchema,
  withState,
} from '../../src/training/index.ts';
import { type NetworkOptions, prepared, runtime } from './network.ts';
import { SyntheticPictures } from './source.ts';

const classes = ['red', 'green', 'blue'];
const task = classification(classes);
const HEAD = ['fc.weight', 'fc.bias'];
const ALL = ['conv1.weight', 'conv1.bias', 'conv2.weight', 'conv2.bias', ...HEAD];

/** 23 pictures in batches of 6: three whole ones and one of 5. */
const BATCH = 6;
const train = new SyntheticPictures(23, 1);
const val = new SyntheticPictures(15, 2);

async function trainerOf(
  config: TrainingConfigInput,
  options: Partial<TrainerOptions> = {},
  network: NetworkOptions = {},
): Promise<Trainer> {
  return new Trainer({
    ...(await prepared(network)),
    task,
    train,
    val,
    config: parseConfig(trainingSchema, { batch: BATCH, ...config }),
    runtime,
    ...options,
  });
}

async function eventsOf(trainer: Trainer): Promise<TrainingEvent[]> {
  const events: TrainingEvent[] = [];
  for await (const event of trainer.run()) events.push(event);
  return events;
}

const of = <T extends TrainingEvent['type']>(events: readonly TrainingEvent[], type: T) =>
  events.filter((event): event is Extract<TrainingEvent, { type: T }> => event.type === type);

const numbers = (value: Tensor | undefined): number[] => Array.from(value!.data as Float32Array);

/** A checkpoint as it comes back from its files. */
function saved({ progress, state }: Checkpoint): Checkpoint {
  const { tensors, metadata } = readSafetensors(
    writeSafetensors({ tensors: state, metadata: { progress: JSON.stringify(progress) } }),
  );
  return { progress: JSON.parse(metadata.progress), state: tensors };
}

/** All that a training leaves, times apart. */
async function outcome(trainer: Trainer) {
  const { progress, state } = await trainer.checkpoint();
  return {
    step: progress.step,
    best: progress.best,
    rows: progress.rows.map(({ seconds, ...row }) => row),
    state: Object.fromEntries(
      [...state].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, t]) => [name, bytesOf(t).join()]),
    ),
  };
}

describe('a training', () => {
  it('learns', async () => {
    const trainer = await trainerOf({ trainable: 'all', epochs: 8, lr: 0.03, pretrainedRate: 1 });
    const events = await eventsOf(trainer);
    const [before] = of(events, 'before');
    const rows = of(events, 'epoch');
    expect(before.val.accuracy).toBeLessThan(0.7);
    expect(rows.at(-1)!.val.accuracy).toBeGreaterThanOrEqual(0.9);
    expect(rows.at(-1)!.train.loss).toBeLessThan(rows[0].train.loss / 2);
    expect(of(events, 'end')[0].best.accuracy).toBe(Math.max(...rows.map(({ val: { accuracy } }) => accuracy)));
  });

  it.each(['bce-with-logits', 'focal', 'mse', 'l1', 'huber', 'kl'] as const)(
    'learns by %s, the classes one-hot',
    async (loss) => {
      const trainer = await trainerOf({ trainable: 'all', epochs: 5, lr: 0.03, pretrainedRate: 1, loss });
      const rows = of(await eventsOf(trainer), 'epoch');
      expect(rows.at(-1)!.val.loss).toBeLessThan(rows[0].val.loss);
      expect(rows.at(-1)!.val.accuracy).toBeGreaterThan(0.5);
    },
  );

  it('tells what happens, in order', async () => {
    const trainer = await trainerOf({
      stages: [
        { train: 'head', epochs: 2 },
        { train: 'last:2', epochs: 1, lr: 1e-4 },
      ],
      schedule: 'constant',
    });
    const events = await eventsOf(trainer);
    const epoch = ['step', 'step', 'step', 'step', 'epoch'];
    expect(events.map(({ type }) => type)).toEqual([
      'before',
      'stage',
      ...epoch,
      ...epoch,
      'stage-end',
      'stage',
      ...epoch,
      'stage-end',
      'end',
    ]);
    expect(of(events, 'stage')).toMatchObject([
      {
        stage: 1,
        stages: 2,
        train: 'head',
        groups: ['fc'],
        thawed: ['fc'],
        trainable: 21,
        frozen: 112 + 222,
        epochs: 2,
        lr: 2e-3,
      },
      {
        stage: 2,
        stages: 2,
        train: 'last:2',
        groups: ['conv2', 'fc'],
        thawed: ['conv2'],
        trainable: 243,
        frozen: 112,
        epochs: 1,
        lr: 1e-4,
      },
    ]);
    expect(of(events, 'step').slice(3, 5)).toMatchObject([
      { epoch: 1, step: 4, steps: 4, samples: 5 },
      { epoch: 2, step: 1, steps: 4, samples: 6 },
    ]);
    expect(of(events, 'epoch').map(({ epoch: n, stage }) => [n, stage])).toEqual([
      [1, 1],
      [2, 1],
      [3, 2],
    ]);
    expect(of(events, 'stage-end').map(({ stage, why }) => [stage, why])).toEqual([
      [1, 'finished'],
      [2, 'finished'],
    ]);
    expect(of(events, 'end')[0].why).toBe('finished');
    const [first, second, third] = of(events, 'epoch').map(({ val }) => val);
    const { loss, accuracy } = of(events, 'before')[0].val;
    expect(of(events, 'stage-end').map(({ before }) => before)).toEqual([{ loss, accuracy }, second]);
    expect([first, second]).toContainEqual(of(events, 'stage-end')[0].after);
    expect(of(events, 'stage-end')[1].after).toEqual(third);
  });

  it('an epoch’s loss and accuracy are means over its pictures, the smaller batch counting less', async () => {
    const events = await eventsOf(await trainerOf({ trainable: 'head', epochs: 1 }));
    const steps = of(events, 'step');
    const mean = (values: readonly number[]) =>
      values.reduce((all, value, i) => all + value * steps[i].samples, 0) / 23;
    const [{ train: scores }] = of(events, 'epoch');
    expect(scores.loss).toBeCloseTo(mean(steps.map(({ loss }) => loss)), 10);
    expect(scores).toEqual(steps.at(-1)!.sofar);
    const right = steps.map(({ sofar: { accuracy } }, i) => accuracy * (i < 3 ? 6 * (i + 1) : 23));
    expect(right.map((count) => count - Math.round(count))).toEqual(right.map(() => expect.closeTo(0, 9)));
    expect(right).toEqual([...right].sort((a, b) => a - b));
    expect(scores.accuracy).toBeCloseTo(right[3] / 23, 12);
  });

  it('the same seed gives the same bits, another seed other ones', async () => {
    const config = { trainable: 'all', epochs: 2, dropout: 0.3 } as const;
    const [a, b, c] = [await trainerOf(config), await trainerOf(config), await trainerOf({ ...config, seed: 5 })];
    for (const trainer of [a, b, c]) await eventsOf(trainer);
    expect(await outcome(b)).toEqual(await outcome(a));
    expect(await outcome(c)).not.toEqual(await outcome(a));
  });

  it('of the head leaves all else as it is, byte for byte', async () => {
    const { network } = await prepared({ batchNorm: true });
    const trainer = await trainerOf({ trainable: 'head', epochs: 2, lr: 0.1 }, {}, { batchNorm: true });
    await eventsOf(trainer);
    const { state } = await trainer.checkpoint();
    const slots = HEAD.flatMap((name) => [`${name}.exp_avg`, `${name}.exp_avg_sq`]);
    expect(new Set(state.keys())).toEqual(new Set([...HEAD, ...slots]));
    for (const [name, contents] of withState(network, state).model.graph.initializers) {
      const same = bytesOf(contents).join() === bytesOf(network.model.graph.initializers.get(name)!).join();
      expect(same, name).toBe(!HEAD.includes(name));
    }
  });
});

describe('the end of a stage', () => {
  it('the target ends the training, and a finished one resumed ends at once', async () => {
    const config: TrainingConfigInput = {
      stages: [
        { train: 'head', epochs: 3 },
        { train: 'all', epochs: 3 },
      ],
      target: 0,
    };
    const trainer = await trainerOf(config);
    const events = await eventsOf(trainer);
    expect(of(events, 'epoch').length).toBe(1);
    expect(of(events, 'stage-end')[0].why).toBe('target');
    expect(of(events, 'end')[0].why).toBe('target');
    const again = await eventsOf(await trainerOf(config, { resume: saved(await trainer.checkpoint()) }));
    expect(of(again, 'step')).toEqual([]);
    expect(of(again, 'end')[0].why).toBe('target');
  });

  it('a plateau moves on to the next stage, each with its own patience', async () => {
    const stages = [
      { train: 'head', epochs: 9, patience: 1 },
      { train: 'last:2', epochs: 9 },
    ];
    const trainer = await trainerOf({ stages, patience: 3, lr: 1e-9, optimizer: 'sgd' });
    const events = await eventsOf(trainer);
    expect(of(events, 'stage-end').map(({ why }) => why)).toEqual(['plateau', 'plateau']);
    expect(of(events, 'epoch').map(({ stage }) => stage)).toEqual([1, 1, 2, 2, 2, 2]);
    expect(of(events, 'end')[0].why).toBe('plateau');
  });

  it('a stage that is as good as it is asked to be moves on, another goal apart from the target', async () => {
    const stages = [
      { train: 'head', epochs: 4, until: 0 },
      { train: 'last:2', epochs: 2, until: 1.1 },
      { train: 'all', epochs: 4, until: 0 },
    ];
    const events = await eventsOf(await trainerOf({ stages }));
    expect(of(events, 'stage-end').map(({ why }) => why)).toEqual(['until', 'finished', 'until']);
    expect(of(events, 'epoch').map(({ stage }) => stage)).toEqual([1, 2, 2, 3]);
    expect(of(events, 'end')[0].why).toBe('until');
  });

  it('a loss that is no number is an error that says what to do', async () => {
    const config = { trainable: 'all', epochs: 2, lr: 1e30, optimizer: 'sgd', schedule: 'constant' } as const;
    const trainer = await trainerOf({ ...config, rollbacks: 0 });
    const error = await eventsOf(trainer).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ThawError);
    expect((error as ThawError).code).toBe('diverged');
    expect((error as ThawError).line).toMatch(
      /no longer a number in step 2 \(learning rate 1e\+30\)\. Train with a smaller --lr/,
    );
  });

  it('an epoch whose last update spoils the weights is seen at its evaluation', async () => {
    const config = {
      trainable: 'all',
      epochs: 2,
      batch: 23,
      lr: 1e30,
      optimizer: 'sgd',
      schedule: 'constant',
      rollbacks: 0,
    } as const;
    const error = await eventsOf(await trainerOf(config)).catch((thrown: unknown) => thrown);
    expect((error as ThawError).code).toBe('diverged');
    expect((error as ThawError).message).toContain('after step 1 ');
  });
});

describe('stopped and resumed', () => {
  const stages = [
    { train: 'head', epochs: 1 },
    { train: 'last:2', epochs: 2, batchNorm: 'training' as const },
  ];
  const config = { stages, dropout: 0.4, lr: 0.02, pretrainedRate: 1, seed: 3 };

  it('is never stopped: after an epoch’s last step or in the middle, by its own interrupt', async () => {
    const whole = await trainerOf(config, {}, { batchNorm: true });
    await eventsOf(whole);
    for (const at of [4, 6]) {
      const first = await trainerOf(config, {}, { batchNorm: true });
      let steps = 0;
      const events: TrainingEvent[] = [];
      for await (const event of first.run()) {
        events.push(event);
        if (event.type === 'step' && ++steps === at) first.interrupt();
      }
      expect(of(events, 'step').length).toBe(at);
      expect(of(events, 'end')[0].why).toBe('interrupted');
      const second = await trainerOf(config, { resume: saved(await first.checkpoint()) }, { batchNorm: true });
      const rest = await eventsOf(second);
      expect(rest[0].type).toBe('stage');
      expect(of(rest, 'step').length).toBe(12 - at);
      expect(await outcome(second), `stopped at step ${at}`).toEqual(await outcome(whole));
    }
  });

  it('asked to stop at the end of an epoch, it begins no other', async () => {
    const whole = await trainerOf(config, {}, { batchNorm: true });
    await eventsOf(whole);
    for (const epochs of [1, 2]) {
      const first = await trainerOf(config, {}, { batchNorm: true });
      const events: TrainingEvent[] = [];
      for await (const event of first.run()) {
        events.push(event);
        if (event.type === 'epoch' && event.epoch === epochs) first.interrupt();
      }
      expect(of(events, 'step').length).toBe(4 * epochs);
      expect(events.at(-1)).toMatchObject({ type: 'end', why: 'interrupted' });
      const second = await trainerOf(config, { resume: saved(await first.checkpoint()) }, { batchNorm: true });
      await eventsOf(second);
      expect(await outcome(second)).toEqual(await outcome(whole));
    }
  });

  it('is never stopped: killed after an epoch or a stage, from the checkpoint of that event', async () => {
    const early = { ...config, patience: 1, lr: 1e-6 };
    const whole = await trainerOf(early, {}, { batchNorm: true });
    const checkpoints: [string, Checkpoint][] = [];
    for await (const event of whole.run()) {
      if (event.type === 'epoch' || event.type === 'stage-end')
        checkpoints.push([event.type, saved(await whole.checkpoint())]);
    }
    expect(checkpoints.map(([type]) => type)).toContain('stage-end');
    for (const [type, resume] of checkpoints) {
      const again = await trainerOf(early, { resume }, { batchNorm: true });
      await eventsOf(again);
      expect(await outcome(again), `killed at ${type}`).toEqual(await outcome(whole));
    }
  });

  it('is never stopped: a rate that was reduced on a plateau stays so', async () => {
    const schedule = { name: 'reduce-on-plateau', patience: 0, warmup: 0, factor: 0.5, watch: 'metric' } as const;
    const reducing = { trainable: 'head', epochs: 4, lr: 1e-6, optimizer: 'sgd', schedule } as const;
    const whole = await trainerOf(reducing);
    const checkpoints: Checkpoint[] = [];
    for await (const event of whole.run())
      if (event.type === 'epoch') checkpoints.push(saved(await whole.checkpoint()));
    const { rows } = checkpoints.at(-1)!.progress;
    expect(rows.map(({ lr }) => lr)).toEqual([1e-6, 1e-6, 5e-7, 2.5e-7]);
    for (const resume of checkpoints.slice(0, -1)) {
      const again = await trainerOf(reducing, { resume });
      await eventsOf(again);
      expect(await outcome(again)).toEqual(await outcome(whole));
    }
  });

  it('left by its listener in the middle, it still gives its checkpoint', async () => {
    const trainer = await trainerOf(config, {}, { batchNorm: true });
    for await (const event of trainer.run()) if (event.type === 'step') break;
    expect((await trainer.checkpoint()).progress.step).toBe(1);
    expect((await trainer.checkpoint()).state.has('fc.weight.exp_avg')).toBe(true);
  });
});

/** Gradients by the artifact that training does not use, at the given parameters. */
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

/** Checkpoints after every step. */
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
  it('carries its state over, a thawed parameter begins its own count, and one frozen again pauses it', async () => {
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

    // torch.optim.Adam in double precision, its parameters added as they thaw
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

  it('pretrained layers learn at a tenth of the rate, groups at their own share, the head at the whole', async () => {
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

  it('one cycle moves the momentum, resumed, accumulated or not; where nothing says so it stays', async () => {
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
    // OneCycleLR(total_steps=4, pct_start=0.3): the turn at step 0.2, the end at step 3.
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

  it('what a later stage thaws starts with small steps that grow, resumed or not; the rest goes on as it was', async () => {
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

  it('the rate follows the schedule over the steps of a stage, and rows tell that of the last step', async () => {
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
