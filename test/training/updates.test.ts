import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { inferShapes } from '../../src/compiler/shapes/index.ts';
import { isAverage, PLAN_DEFAULTS } from '../../src/compiler/step/index.ts';
import type { Batch } from '../../src/data/index.ts';
import type { Tensor } from '../../src/onnx/index.ts';
import { classification } from '../../src/tasks/index.ts';
import { averagedState, CompiledStage, withState } from '../../src/training/index.ts';
import { tensor } from '../small-models.ts';
import { batchNormNetwork, PARAMETERS, STATISTICS } from './batch-norm-network.ts';
import { runtime } from './network.ts';

type Values = Readonly<Record<string, readonly number[]>>;
interface Given {
  readonly shape: number[];
  readonly input: number[];
  readonly labels: number[];
}
const fixture: {
  readonly rates: number[];
  readonly weightDecay: number;
  readonly decay: number;
  readonly initial: Values;
  readonly runs: readonly {
    readonly groups: readonly (readonly Given[])[];
    readonly updates: readonly { readonly state: Values; readonly average: Values }[];
  }[];
} = JSON.parse(readFileSync(new URL('../fixtures/updates.json', import.meta.url), 'utf8'));
const { rates, weightDecay, decay, initial, runs } = fixture;

const distance = (found: Tensor | undefined, exact: readonly number[]): number =>
  Math.max(...exact.map((v, i) => Math.abs((found!.data as Float32Array)[i] - v))) / Math.max(...exact.map(Math.abs));

const batchOf = ({ shape, input, labels }: Given): Batch => ({
  inputs: [tensor('float32', shape, (i) => input[i])],
  labels: BigInt64Array.from(labels, BigInt),
  indices: labels.map((_, n) => n),
});

const plan = {
  ...PLAN_DEFAULTS,
  trainable: new Set(PARAMETERS),
  output: 'logits',
  optimizer: 'adamw',
  optimizerOptions: { weightDecay },
  batchNorm: 'training',
} as const;
const compile = async (network = inferShapes(batchNormNetwork(initial), runtime), accumulate = false, ema = false) =>
  CompiledStage.compile({
    network: await network,
    plan: { ...plan, accumulate },
    task: classification(['a', 'b']),
    runtime,
    seed: 0,
    averaging: ema ? { decay, warmup: 'power' } : undefined,
  });

describe('updates with a moving average match PyTorch and timm in double precision', () => {
  it.each([
    ['of several batches, by the mean over all their samples; running statistics move with every batch', 0],
    ['of one batch', 1],
  ])('%s', async (_, run) => {
    const { groups, updates } = runs[run];
    const stage = await compile(undefined, run === 0, true);
    for (const [i, group] of groups.entries()) {
      for (const [part, given] of group.entries())
        await stage.train([{ batch: batchOf(given), lr: rates[i], step: i + 1, part }]);
      await stage.update({ lr: rates[i], step: i + 1 });
      const state = await stage.state();
      for (const name of [...PARAMETERS, ...STATISTICS]) {
        const after = `${name} after update ${i + 1}`;
        expect(distance(state.get(name), updates[i].state[name]), after).toBeLessThan(5e-6);
        expect(distance(state.get(`${name}.average`), updates[i].average[name]), `average of ${after}`).toBeLessThan(
          5e-6,
        );
      }
    }

    // Evaluation uses a network with the averages, including the averaged statistics.
    const source = {
      length: 3,
      async *batches() {
        yield batchOf(groups[0][0]);
      },
    };
    const averaged = averagedState(await stage.state());
    expect([...averaged.keys()].filter(isAverage)).toEqual([]);
    const network = await inferShapes(batchNormNetwork(initial), runtime);
    const shipped = await compile(Promise.resolve(withState(network, averaged)));
    const raw = await compile(Promise.resolve(withState(network, await stage.state())));
    const { loss, predictions } = await stage.evaluator.predict(source, 3);
    expect({ loss, predictions }).toEqual(await shipped.evaluator.predict(source, 3));
    expect(loss).not.toBe((await raw.evaluator.predict(source, 3)).loss);
    await Promise.all([stage, shipped, raw].map((one) => one.release()));
  });
});
