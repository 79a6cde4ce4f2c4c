import { describe, expect, it } from 'vitest';
import { readSafetensors, writeSafetensors } from '../../src/compiler/step/index.ts';
import { bytesOf, type Tensor } from '../../src/onnx/index.ts';
import { classification } from '../../src/tasks/index.ts';
import {
  averagedState,
  decayAt,
  parseConfig,
  Trainer,
  type TrainerOptions,
  type TrainingConfigInput,
  trainingSchema,
} from '../../src/training/index.ts';
import { prepared, runtime } from './network.ts';
import { SyntheticImages } from './source.ts';

const val = new SyntheticImages(15, 2);

async function trainerOf(config: TrainingConfigInput, options: Partial<TrainerOptions> = {}) {
  return new Trainer({
    ...(await prepared({ batchNorm: true })),
    task: classification(['red', 'green', 'blue']),
    train: new SyntheticImages(23, 1),
    val,
    config: parseConfig(trainingSchema, { batch: 6, lr: 0.03, pretrainedRate: 1, seed: 3, ...config }),
    runtime,
    ...options,
  });
}

const stages = [
  { train: 'head', epochs: 1 },
  { train: 'last:2', epochs: 2, batchNorm: 'training' as const },
  { train: 'conv1', epochs: 1 },
];
const numbers = (value: Tensor | undefined): number[] => Array.from(value!.data as Float32Array);

/** The state after every update, and the rows. */
async function ran(trainer: Trainer) {
  const states: ReadonlyMap<string, Tensor>[] = [];
  const losses: number[] = [];
  for await (const event of trainer.run()) {
    if (event.type === 'step') states.push((await trainer.checkpoint()).state);
    if (event.type === 'epoch') losses.push(event.val.loss);
  }
  return { states, losses, last: await trainer.checkpoint() };
}

describe('a training with a moving average of its weights', () => {
  const ema = { decay: 0.8, warmup: 'tensorflow' } as const;

  it('averages trained parameters and their statistics over stages, and does not affect the weights', async () => {
    const { states } = await ran(await trainerOf({ stages, ema }));
    const plain = await ran(await trainerOf({ stages }));
    const averages = new Map<string, number[]>();
    const { network } = await prepared({ batchNorm: true });
    const { initializers } = network.model.graph;
    for (const [i, state] of states.entries()) {
      const kept =
        i < 4 ? ['fc.weight', 'fc.bias'] : i < 12 ? ['conv2.weight', 'bn.running_mean', 'fc.weight'] : ['conv1.weight'];
      const decay = Math.min(0.8, (2 + i) / (11 + i));
      for (const name of kept) {
        const x = numbers(state.get(name));
        const a = averages.get(name) ?? numbers(initializers.get(name));
        averages.set(
          name,
          a.map((old, n) => decay * old + (1 - decay) * x[n]),
        );
        const found = numbers(state.get(`${name}.average`));
        averages.get(name)!.forEach((value, n) => {
          expect(found[n]).toBeCloseTo(value, 5);
        });
      }
      for (const [name, value] of plain.states[i]) expect(numbers(state.get(name)), name).toEqual(numbers(value));
    }
    // A parameter that is frozen again keeps its value and has no average.
    expect([...states[12].keys()].filter((name) => name.endsWith('.average')).sort()).toEqual([
      'conv1.bias.average',
      'conv1.weight.average',
    ]);
  });

  it('evaluates the averages: the same results as the shipped state in a training without averages', async () => {
    const { losses, last } = await ran(await trainerOf({ stages: stages.slice(0, 2), ema }));
    const resume = { ...last, state: averagedState(last.state) };
    const shipped = await trainerOf({ stages: stages.slice(0, 2) }, { resume });
    expect((await shipped.evaluate(val)).loss).toBe(losses.at(-1));
    await shipped.release();
    const raw = await trainerOf({ stages: stages.slice(0, 2) }, { resume: last });
    expect((await raw.evaluate(val)).loss).not.toBe(losses.at(-1));
    await raw.release();
  });

  it('gives the same result when stopped and resumed', async () => {
    const whole = await ran(await trainerOf({ stages, ema: 0.9, accumulate: 3 }));
    const bytes = (state: ReadonlyMap<string, Tensor>) =>
      Object.fromEntries([...state].map(([name, t]) => [name, bytesOf(t).join()] as const).sort());
    for (const at of [2, 6, 13]) {
      const first = await trainerOf({ stages, ema: 0.9, accumulate: 3 });
      let steps = 0;
      for await (const event of first.run()) if (event.type === 'step' && ++steps === at) first.interrupt();
      const { progress, state } = await first.checkpoint();
      const { tensors } = readSafetensors(writeSafetensors({ tensors: state, metadata: {} }));
      const second = await ran(
        await trainerOf({ stages, ema: 0.9, accumulate: 3 }, { resume: { progress, state: tensors } }),
      );
      expect(bytes(second.last.state), `stopped after batch ${at}`).toEqual(bytes(whole.last.state));
      expect(second.losses).toEqual(whole.losses.slice(-second.losses.length));
    }
  });
});

describe('the decay', () => {
  it('rises as in timm and TensorFlow, or stays constant', () => {
    // ModelEmaV3(decay=0.999, use_warmup=True).get_decay(step)
    const timm = { 1: 0, 2: 0.3700394750525634, 100: 0.9535841116638722, 31623: 0.999 };
    for (const [step, decay] of Object.entries(timm))
      expect(decayAt({ decay: 0.999, warmup: 'power' }, Number(step))).toBeCloseTo(decay, 12);
    expect(decayAt({ decay: 0.999, warmup: 'tensorflow' }, 1)).toBe(2 / 11);
    expect(decayAt({ decay: 0.9, warmup: 'tensorflow' }, 1000)).toBe(0.9);
    expect(decayAt({ decay: 0.9, warmup: 'none' }, 1)).toBe(0.9);
  });

  it.each([[1], [-0.1], ['long'], [{ warmup: 'power' }], [{ decay: 0.9, warmup: 'slow' }]])('%j is refused', (ema) => {
    expect(() => parseConfig(trainingSchema, { ema })).toThrow(/setting ema\.(decay|warmup)/);
  });
});
