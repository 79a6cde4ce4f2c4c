import { describe, expect, it } from 'vitest';
import type { Batch, BatchOptions, BatchSource } from '../../src/data/index.ts';
import { ThawError } from '../../src/errors.ts';
import { bytesOf, tensor } from '../../src/onnx/index.ts';
import { classification } from '../../src/tasks/index.ts';
import {
  type Checkpoint,
  parseConfig,
  readCheckpoint,
  Trainer,
  type TrainerOptions,
  type TrainingConfigInput,
  type TrainingEvent,
  trainingSchema,
  withState,
  writeCheckpoint,
} from '../../src/training/index.ts';
import { prepared, runtime } from './network.ts';
import { SyntheticImages } from './source.ts';

const task = classification(['red', 'green', 'blue']);
const BASE = { batch: 6, seed: 3, optimizer: 'sgd', schedule: 'constant', pretrainedRate: 1 } as const;

async function trainerOf(config: TrainingConfigInput, options: Partial<TrainerOptions> = {}): Promise<Trainer> {
  return new Trainer({
    ...(await prepared()),
    task,
    train: new SyntheticImages(23, 1),
    val: new SyntheticImages(15, 2),
    config: parseConfig(trainingSchema, { ...BASE, ...config }),
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

const weightsOf = ({ state }: Checkpoint) =>
  [...state].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, t]) => [name, bytesOf(t).join()]);

const saved = (checkpoint: Checkpoint): Checkpoint => readCheckpoint(writeCheckpoint(checkpoint));

/** The error that ends the training. */
const failureOf = async (trainer: Trainer): Promise<ThawError> => {
  const thrown = await eventsOf(trainer).catch((error: unknown) => error);
  expect(thrown).toBeInstanceOf(ThawError);
  return thrown as ThawError;
};

/** The rate is 0.05 after one rollback. */
const spoilt = { lr: 5e28, rollbacks: { factor: 1e-30 } };

describe('a loss that becomes NaN or explodes', () => {
  it.each<[string, TrainingConfigInput, 'training' | 'validation']>([
    ['in a step', {}, 'training'],
    ['in a step among several of one run', { stepsPerRun: 3 }, 'training'],
    ['in parts of an update', { accumulate: 2 }, 'training'],
    ['by an epoch’s only update', { batch: 23 }, 'validation'],
    ['with averaged weights', { ema: 0.9 }, 'training'],
  ])('%s restarts the epoch, as if the smaller rate had applied from its start', async (_, config, seen) => {
    const stages = [{ train: 'all', epochs: 2 }];
    const rolled = await trainerOf({ stages, ...spoilt, ...config });
    const events = await eventsOf(rolled);
    expect(of(events, 'rollback')).toMatchObject([{ epoch: 1, seen, reason: 'not-finite', lr: 5e28 }]);
    expect(of(events, 'rollback')[0].to).toBeCloseTo(0.05, 12);
    expect(of(events, 'rollback')[0].message).toMatch(
      /^the loss is no longer a number (in|after) step \d: back to the start of epoch 1, with a learning rate of 0.05 instead of 5e\+28$/,
    );
    const straight = await trainerOf({ stages, lr: 0.05, ...config });
    await eventsOf(straight);
    const [a, b] = [await rolled.checkpoint(), await straight.checkpoint()];
    expect(weightsOf(a)).toEqual(weightsOf(b));
    expect(a.progress.rows.map(({ train }) => train)).toEqual(b.progress.rows.map(({ train }) => train));
    expect(of(events, 'step').every(({ loss }) => Number.isFinite(loss))).toBe(true);
  });

  it('keeps the results of earlier epochs and stages', async () => {
    const stages = [
      { train: 'head', epochs: 2, lr: 0.05 },
      { train: 'all', epochs: 2, lr: 5e28 },
    ];
    const events = await eventsOf(await trainerOf({ stages, rollbacks: { factor: 1e-30 } }));
    expect(of(events, 'epoch').map(({ epoch, stage }) => [epoch, stage])).toEqual([
      [1, 1],
      [2, 1],
      [3, 2],
      [4, 2],
    ]);
    expect(of(events, 'rollback').map(({ epoch }) => epoch)).toEqual([3]);
  });

  it('need not be infinite: many times its earlier value is an explosion', async () => {
    const trainer = await trainerOf({
      stages: [{ train: 'all', epochs: 3 }],
      lr: 300,
      rollbacks: { most: 9, factor: 0.1 },
    });
    const events = await eventsOf(trainer);
    const [first] = of(events, 'rollback');
    expect(first).toMatchObject({ reason: 'exploded' });
    expect(first.message).toContain('the loss has exploded (');
    expect(of(events, 'end')[0].best.accuracy).toBeGreaterThan(0.6);
  });

  it('gives the same result when the training is stopped anywhere and resumed', async () => {
    const config = { stages: [{ train: 'all', epochs: 2 }], ...spoilt };
    const whole = await trainerOf(config);
    await eventsOf(whole);
    for (const at of ['step', 'rollback', 'epoch'] as const) {
      const first = await trainerOf(config);
      for await (const { type } of first.run()) if (type === at) first.interrupt();
      const checkpoint = await first.checkpoint();
      expect(checkpoint.epochStart === undefined).toBe(at !== 'step');
      const second = await trainerOf(config, { resume: saved(checkpoint) });
      await eventsOf(second);
      const [a, b] = [await second.checkpoint(), await whole.checkpoint()];
      expect(weightsOf(a)).toEqual(weightsOf(b));
      expect(a.progress.rollbacks).toEqual(b.progress.rollbacks);
      expect(a.progress.rollbacks.length).toBe(1);
    }
  });

  it('ends the training after the maximum number of rollbacks', async () => {
    const config = { stages: [{ train: 'all', epochs: 2 }], lr: 1e30 };
    const trainer = await trainerOf({ ...config, rollbacks: 2 });
    const rates: number[] = [];
    const failed = (async () => {
      for await (const event of trainer.run()) if (event.type === 'rollback') rates.push(event.to);
    })();
    await expect(failed).rejects.toMatchObject({
      code: 'diverged',
      message: 'the loss is no longer a number in step 2 (learning rate 2.5e+29, and with 1e+30, 5e+29 before)',
    });
    expect(rates).toEqual([5e29, 2.5e29]);
    const none = await failureOf(await trainerOf({ ...config, rollbacks: 0 }));
    expect(none.message).toBe('the loss is no longer a number in step 2 (learning rate 1e+30)');
  });

  it('is reported as a fault of the data or the model if the weights are finite', async () => {
    const failure = await failureOf(await trainerOf({ trainable: 'head', epochs: 1 }, { train: new Spoilt(23) }));
    expect(failure.code).toBe('diverged');
    expect(failure.line).toMatch(/in step 1 .*weights that were right until then\. A smaller rate cannot help/);
  });
});

/** Images that are NaN. */
class Spoilt implements BatchSource {
  constructor(readonly length: number) {}

  async *batches(options: BatchOptions): AsyncGenerator<Batch> {
    for await (const batch of new SyntheticImages(this.length).batches(options)) {
      (batch.inputs[0].data as Float32Array).fill(Number.NaN);
      yield batch;
    }
  }
}

/** The same images with other labels. */
class Relabelled extends SyntheticImages {
  constructor(
    length: number,
    seed: number,
    private readonly label: (label: bigint) => bigint,
  ) {
    super(length, seed);
  }

  override async *batches(options: BatchOptions): AsyncGenerator<Batch> {
    for await (const batch of super.batches(options)) yield { ...batch, labels: batch.labels.map(this.label) };
  }
}

describe('a finding', () => {
  const learning = { trainable: 'all', epochs: 8, lr: 0.03, optimizer: 'adamw' } as const;
  const findings = async (config: TrainingConfigInput, options: Partial<TrainerOptions> = {}) =>
    of(await eventsOf(await trainerOf(config, options)), 'finding').map(({ finding, epoch, message }) => ({
      finding,
      epoch,
      message,
    }));

  it('is absent from a training that learns', async () => {
    expect(await findings(learning)).toEqual([]);
  });

  it('reports a head with constant inputs', async () => {
    const { network, anatomy } = await prepared();
    const dead = new Map([
      ['conv2.weight', tensor('float32', [6, 4, 3, 3], new Float32Array(216))],
      ['conv2.bias', tensor('float32', [6], new Float32Array(6).fill(-1))],
    ]);
    const found = await findings({ trainable: 'head', epochs: 3 }, { network: withState(network, dead), anatomy });
    expect(found).toEqual([
      { finding: 'dead-head', epoch: 1, message: expect.stringContaining('the very same numbers for all 15') },
    ]);
  });

  it('reports the same answer for all images', async () => {
    const train = new Relabelled(23, 1, () => 1n);
    expect(await findings({ ...learning, epochs: 4 }, { train })).toEqual([
      { finding: 'constant', epoch: 2, message: expect.stringMatching(/^the model says green of all 15 validation/) },
    ]);
  });

  it('reports that validation uses the class names differently', async () => {
    const swapped = new Relabelled(15, 2, (label) => (label === 2n ? label : 1n - label));
    const [found, ...more] = await findings(learning, { val: swapped });
    expect(found).toMatchObject({ finding: 'labels', message: expect.stringContaining('red → green → red') });
    expect(more).toEqual([]);
  });
});
