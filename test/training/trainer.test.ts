import { describe, expect, it } from 'vitest';
import { ThawError } from '../../src/errors.ts';
import { bytesOf } from '../../src/onnx/index.ts';
import { type Checkpoint, type TrainingConfigInput, type TrainingEvent, withState } from '../../src/training/index.ts';
import { eventsOf, HEAD, of, outcome, saved, trainerOf } from './harness.ts';
import { prepared } from './network.ts';

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
    'learns by %s, with one-hot classes',
    async (loss) => {
      const trainer = await trainerOf({ trainable: 'all', epochs: 5, lr: 0.03, pretrainedRate: 1, loss });
      const rows = of(await eventsOf(trainer), 'epoch');
      expect(rows.at(-1)!.val.loss).toBeLessThan(rows[0].val.loss);
      expect(rows.at(-1)!.val.accuracy).toBeGreaterThan(0.5);
    },
  );

  it('reports its events in order', async () => {
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

  it('averages an epoch’s loss and accuracy over its images, so a smaller batch counts less', async () => {
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

  it('gives the same bits for the same seed, and others for another seed', async () => {
    const config = { trainable: 'all', epochs: 2, dropout: 0.3 } as const;
    const [a, b, c] = [await trainerOf(config), await trainerOf(config), await trainerOf({ ...config, seed: 5 })];
    for (const trainer of [a, b, c]) await eventsOf(trainer);
    expect(await outcome(b)).toEqual(await outcome(a));
    expect(await outcome(c)).not.toEqual(await outcome(a));
  });

  it('of the head leaves all other weights unchanged, byte for byte', async () => {
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

describe('a stage', () => {
  it('ends with the training when the minutes are used up, during the stage or after it', async () => {
    const stages = [
      { train: 'head', epochs: 2 },
      { train: 'all', epochs: 2 },
    ];
    const ended = async (minutes: number, epochs: number) => {
      const events = await eventsOf(await trainerOf({ stages: [{ ...stages[0], epochs }, stages[1]], minutes }));
      return [of(events, 'epoch').length, of(events, 'stage-end').length, of(events, 'end')[0].why];
    };
    expect(await ended(1e-9, 2)).toEqual([1, 1, 'minutes']);
    expect(await ended(1e-9, 1)).toEqual([1, 1, 'minutes']);
    expect(await ended(60, 1)).toEqual([3, 2, 'finished']);
  });

  it('ends the training at the target, and a finished training ends at once when resumed', async () => {
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

  it('gives way to the next stage at a plateau, each with its own patience', async () => {
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

  it('gives way to the next stage at its own goal, apart from the target', async () => {
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

  it('fails with advice if the loss becomes NaN', async () => {
    const config = { trainable: 'all', epochs: 2, lr: 1e30, optimizer: 'sgd', schedule: 'constant' } as const;
    const trainer = await trainerOf({ ...config, rollbacks: 0 });
    const error = await eventsOf(trainer).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ThawError);
    expect((error as ThawError).code).toBe('diverged');
    expect((error as ThawError).line).toMatch(
      /no longer a number in step 2 \(learning rate 1e\+30\)\. Train with a smaller --lr/,
    );
  });

  it('fails at the evaluation of an epoch if its last update corrupts the weights', async () => {
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

describe('stopped and resumed, a training', () => {
  const stages = [
    { train: 'head', epochs: 1 },
    { train: 'last:2', epochs: 2, batchNorm: 'training' as const },
  ];
  const config = { stages, dropout: 0.4, lr: 0.02, pretrainedRate: 1, seed: 3 };

  it('has the same result: after an epoch’s last step or in the middle, by its own interrupt', async () => {
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

  it('stops at once if interrupted at the end of an epoch or before the first step', async () => {
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
      const checkpoint = saved(await first.checkpoint());
      const second = await trainerOf(config, { resume: checkpoint }, { batchNorm: true });
      second.interrupt();
      expect((await eventsOf(second)).map(({ type }) => type)).toEqual(['end']);
      expect(saved(await second.checkpoint())).toEqual(checkpoint);
      const third = await trainerOf(config, { resume: checkpoint }, { batchNorm: true });
      await eventsOf(third);
      expect(await outcome(third)).toEqual(await outcome(whole));
    }
  });

  it('has the same result if killed after an epoch or a stage, from the checkpoint of that event', async () => {
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

  it('has the same result with a rate that was reduced on a plateau', async () => {
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

  it('still has its checkpoint if its listener leaves in the middle', async () => {
    const trainer = await trainerOf(config, {}, { batchNorm: true });
    for await (const event of trainer.run()) if (event.type === 'step') break;
    expect((await trainer.checkpoint()).progress.step).toBe(1);
    expect((await trainer.checkpoint()).state.has('fc.weight.exp_avg')).toBe(true);
  });
});
