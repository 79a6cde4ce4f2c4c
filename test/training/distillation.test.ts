import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { tensor } from '../../src/onnx/index.ts';
import { networkOf, prepareModel } from '../../src/recipe/index.ts';
import { nodeRuntime } from '../../src/runtime/node/sessions.ts';
import { classification } from '../../src/tasks/index.ts';
import {
  CompiledStage,
  parseConfig,
  type TrainingConfigInput,
  trainingPlan,
  trainingSchema,
  withState,
} from '../../src/training/index.ts';
import { smallModel } from '../small-models.ts';

const fixture: {
  readonly initial: Record<string, { readonly shape: number[]; readonly values: number[] }>;
  readonly lr: number;
  readonly inputs: number[][];
  readonly labels: number[][];
  readonly distilled: {
    readonly distill: { of: 'features' | 'scores'; weight: number; temperature: number };
    readonly losses: number[];
    readonly final: Record<string, number[]>;
  }[];
} = JSON.parse(readFileSync(new URL('../fixtures/penalties.json', import.meta.url), 'utf8'));

const runtime = nodeRuntime('cpu', { intraOpNumThreads: 1 });
const model = smallModel({
  opset: 18,
  inputs: { x: ['N', 5] },
  outputs: { logits: ['N', 3] },
  initializers: Object.fromEntries(
    Object.entries(fixture.initial).map(([name, { shape, values }]) => [
      name,
      tensor('float32', shape, Float32Array.from(values)),
    ]),
  ),
  nodes: [
    ['Gemm', ['x', '0.weight', '0.bias'], ['h'], { transB: 1 }],
    ['Tanh', ['h'], ['t']],
    ['Gemm', ['t', '2.weight', '2.bias'], ['logits'], { transB: 1 }],
  ],
});
const task = classification(['a', 'b', 'c']);
const batchOf = (i: number) => ({
  inputs: [tensor('float32', [4, 5], Float32Array.from(fixture.inputs[i]))],
  labels: BigInt64Array.from(fixture.labels[i], BigInt),
  indices: [0, 1, 2, 3],
});

async function planned(distill: TrainingConfigInput['distill'], train = 'all') {
  const input: TrainingConfigInput = { distill, pretrainedRate: 1, optimizer: { name: 'sgd', momentum: 0 } };
  const config = parseConfig(trainingSchema, input);
  const { network, anatomy } = await networkOf(model, runtime, { distill: config.distill });
  return { network, plan: trainingPlan(config, { train, epochs: 1 }, anatomy, 'logits') };
}

describe('distillation from the pretrained model, against PyTorch in double precision', () => {
  it.each(fixture.distilled)('of $distill.of', async ({ distill, losses, final }) => {
    const { network, plan } = await planned(distill);
    let stage = await CompiledStage.compile(network, plan, task, runtime, new Map(), 0);
    for (const [i, exact] of losses.entries()) {
      // The teacher stays as it came, whatever an earlier stage left.
      if (i === 2) {
        const left = await stage.state();
        await stage.release();
        stage = await CompiledStage.compile(withState(network, left), plan, task, runtime, left, 0);
      }
      const [{ loss }] = await stage.train([{ batch: batchOf(i), lr: fixture.lr, step: i + 1 }]);
      expect(loss).toBeCloseTo(exact, 5);
    }
    const state = await stage.state();
    await stage.release();
    expect([...state.keys()].sort()).toEqual(Object.keys(final).sort());
    for (const [name, exact] of Object.entries(final)) {
      const found = state.get(name)!.data as Float32Array;
      exact.forEach((value, i) => {
        expect(found[i], name).toBeCloseTo(value, 5);
      });
    }
  });

  it('of features changes nothing where they are frozen', async () => {
    const losses = await Promise.all(
      [undefined, 5].map(async (weight) => {
        const { network, plan } = await planned(weight, 'head');
        const stage = await CompiledStage.compile(network, plan, task, runtime, new Map(), 0);
        const [{ loss }] = await stage.train([{ batch: batchOf(0), lr: fixture.lr, step: 1 }]);
        await stage.release();
        return loss;
      }),
    );
    expect(losses[0]).toBe(losses[1]);
  });

  it('of scores is refused where the head is new, or the weight more than all', async () => {
    await expect(prepareModel(model, runtime, { classes: 4, distill: { of: 'scores' } })).rejects.toThrow(
      /other classes/,
    );
    await expect(planned({ of: 'scores', weight: 2 })).rejects.toThrow(/weight from 0 to 1/);
  });
});
