import { describe, expect, it } from 'vitest';
import { repeated } from '../../src/compiler/step/index.ts';
import type { Runtime } from '../../src/runtime/index.ts';
import { classification } from '../../src/tasks/index.ts';
import { parseConfig, Trainer, type TrainingConfigInput, trainingSchema } from '../../src/training/index.ts';
import { prepared, runtime } from './network.ts';
import { SyntheticImages } from './source.ts';

/** A runtime that counts the runs of its training sessions. */
function counting(): { runtime: Runtime; runs: () => number } {
  let count = 0;
  return {
    runs: () => count,
    runtime: {
      ...runtime,
      async load(model, options) {
        const session = await runtime.load(model, options);
        const trains = session.outputNames.some((name) => name.endsWith('.next'));
        return {
          ...session,
          run(feeds, fetches) {
            if (trains) count++;
            return session.run(feeds, fetches);
          },
        };
      },
    },
  };
}

async function trainerOf(config: TrainingConfigInput, own: Runtime = runtime) {
  return new Trainer({
    ...(await prepared()),
    task: classification(['red', 'green', 'blue']),
    // At batch size 4, five full batches and one of 3.
    train: new SyntheticImages(23, 1),
    val: new SyntheticImages(15, 2),
    config: parseConfig(trainingSchema, { lr: 0.02, pretrainedRate: 1, seed: 3, batch: 4, ...config }),
    runtime: own,
  });
}

const stages = [
  { train: 'head', epochs: 2 },
  { train: 'all', epochs: 2 },
];

async function finished(config: TrainingConfigInput, own?: Runtime) {
  const trainer = await trainerOf(config, own);
  const losses: number[] = [];
  for await (const event of trainer.run()) if (event.type === 'step') losses.push(event.loss);
  const { progress, state } = await trainer.checkpoint();
  return { losses, step: progress.step, thawedAt: progress.thawedAt, state };
}

describe('several steps in one run', () => {
  it.each<[string, TrainingConfigInput]>([
    ['with dropout and a schedule', { dropout: 0.3, schedule: 'cosine' }],
    ['accumulating two batches an update', { accumulate: 2, optimizer: 'sgd' }],
    ['with a momentum that moves', { optimizer: 'sgd', schedule: 'one-cycle' }],
    ['with batch norm that trains, averaged', { batchNorm: 'training', ema: 0.9 }],
  ])('end with the same bits as single steps, %s', async (_, config) => {
    const single = await finished({ stages, ...config });
    expect(await finished({ stages, ...config, stepsPerRun: 3 })).toEqual(single);
    expect(single.losses.length).toBe(24);
  });

  it('take one run per group of full batches, and one for the remainder', async () => {
    const counted = async (config: TrainingConfigInput) => {
      const { runtime: own, runs } = counting();
      await finished({ stages: [{ train: 'all', epochs: 1 }], ...config }, own);
      return runs();
    };
    expect(await counted({})).toBe(6);
    // 3 + 2 batches of four images, and one of three. With two batches per update: 2 + 2 + 1 + 1, and three updates.
    expect(await counted({ stepsPerRun: 3 })).toBe(3);
    expect(await counted({ stepsPerRun: 3, accumulate: 2 })).toBe(7);
  });

  it('resume from a mid-epoch checkpoint, taken at the end of a run', async () => {
    const config: TrainingConfigInput = { stages, stepsPerRun: 2 };
    const whole = await finished(config);
    const first = await trainerOf(config);
    let steps = 0;
    for await (const event of first.run()) if (event.type === 'step' && ++steps === 3) first.interrupt();
    const resume = await first.checkpoint();
    expect(resume.progress.step).toBe(4);
    const { network, anatomy } = await prepared();
    const second = new Trainer({
      network,
      anatomy,
      task: classification(['red', 'green', 'blue']),
      train: new SyntheticImages(23, 1),
      val: new SyntheticImages(15, 2),
      config: parseConfig(trainingSchema, { lr: 0.02, pretrainedRate: 1, seed: 3, batch: 4, ...config }),
      runtime,
      resume,
    });
    for await (const _ of second.run());
    expect((await second.checkpoint()).state).toEqual(whole.state);
  });
});

it('keeps the names of a step’s inputs, and adds a steps axis to those that differ per step', () => {
  const info = (name: string, shape: readonly (number | string)[]) => ({ name, type: 'float32' as const, shape });
  const node = (op: string, inputs: string[], outputs: string[]) => {
    return { name: op, op, domain: '', inputs, outputs, attributes: {} };
  };
  const { graph } = repeated(
    {
      irVersion: 9,
      opsets: { '': 18 },
      producerName: '',
      producerVersion: '',
      metadata: {},
      graph: {
        name: 'step',
        nodes: [node('Mul', ['x', 'fixed'], ['loss']), node('Add', ['w', 'loss'], ['w.next'])],
        inputs: [info('x', ['N', 2]), info('w', [2]), info('fixed', [2])],
        outputs: [info('loss', ['N', 2]), info('w.next', [2])],
        initializers: new Map(),
        valueInfo: [],
      },
    },
    new Set(['w', 'fixed']),
  );
  expect(graph.inputs.map(({ name, shape }) => [name, shape])).toEqual([
    ['x', ['steps', 'N', 2]],
    ['w', [2]],
    ['fixed', [2]],
  ]);
  expect(graph.outputs.map(({ name, shape }) => [name, shape])).toEqual([
    ['w.next', [2]],
    ['loss', ['steps', 'N', 2]],
  ]);
});
