/** The network, data and numbers of scripts/reference/penalties.py. */
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { Inference } from '../../../src/compiler/shapes/index.ts';
import type { TrainingPlan } from '../../../src/compiler/step/index.ts';
import { tensor } from '../../../src/onnx/index.ts';
import { nodeRuntime } from '../../../src/runtime/node/sessions.ts';
import { classification } from '../../../src/tasks/index.ts';
import { CompiledStage, withState } from '../../../src/training/index.ts';
import type { StageState } from '../../../src/training/stage-state.ts';
import { smallModel } from '../../small-models.ts';

/** The results of three steps. */
interface Steps {
  readonly losses: readonly number[];
  readonly final: Readonly<Record<string, readonly number[]>>;
}

export interface PenaltyCase extends Steps {
  readonly penalty: { l1?: number; l2?: number; l2sp?: { alpha: number; beta: number } };
}

export const fixture: {
  readonly initial: Record<string, { readonly shape: number[]; readonly values: number[] }>;
  readonly lr: number;
  readonly inputs: number[][];
  readonly labels: number[][];
  readonly cases: PenaltyCase[];
  readonly distilled: (Steps & {
    readonly distill: { of: 'features' | 'scores'; weight: number; temperature: number };
  })[];
  readonly balanced: { readonly counts: number[]; readonly weights: number[] }[];
} = JSON.parse(readFileSync(new URL('../../fixtures/penalties.json', import.meta.url), 'utf8'));

export const runtime = nodeRuntime('cpu', { intraOpNumThreads: 1 });

export const penaltyModel = smallModel({
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

const batchOf = (i: number) => ({
  inputs: [tensor('float32', [4, 5], Float32Array.from(fixture.inputs[i]))],
  labels: BigInt64Array.from(fixture.labels[i], BigInt),
  indices: [0, 1, 2, 3],
});

const compile = (network: Inference, plan: TrainingPlan, carried?: StageState) =>
  CompiledStage.compile({ network, plan, task: classification(['a', 'b', 'c']), runtime, seed: 0, carried });

const step = async (stage: CompiledStage, i: number): Promise<number> =>
  (await stage.train([{ batch: batchOf(i), lr: fixture.lr, step: i + 1 }]))[0].loss;

/** Loss of the first step, and the state after it. */
export async function stepped(network: Inference, plan: TrainingPlan): Promise<{ loss: number; state: StageState }> {
  const stage = await compile(network, plan);
  const loss = await step(stage, 0);
  const state = await stage.state();
  await stage.release();
  return { loss, state };
}

/** Checks the loss of every step, and that the last step leaves exactly the expected parameters. */
export async function expectSteps(network: Inference, plan: TrainingPlan, { losses, final }: Steps): Promise<void> {
  let stage = await compile(network, plan);
  for (const [i, exact] of losses.entries()) {
    // A stage that starts from the result of an earlier stage still uses the pretrained weights.
    if (i === 2) {
      const left = await stage.state();
      await stage.release();
      stage = await compile(withState(network, left), plan, left);
    }
    expect(await step(stage, i)).toBeCloseTo(exact, 5);
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
}
