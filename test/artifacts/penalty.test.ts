import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { evaluationModel, PLAN_DEFAULTS, type TrainingPlan, trainingModel } from '../../src/artifacts/index.ts';
import { tensor } from '../../src/onnx/index.ts';
import { balancedWeights } from '../../src/recipe/index.ts';
import { nodeRuntime } from '../../src/runtime/node/sessions.ts';
import { inferShapes } from '../../src/shapes/index.ts';
import { classification } from '../../src/tasks/index.ts';
import { CompiledStage, withState } from '../../src/training/index.ts';
import { smallModel } from '../small-models.ts';

interface Case {
  readonly penalty: { l1?: number; l2?: number; l2sp?: { alpha: number; beta: number } };
  readonly losses: number[];
  readonly final: Record<string, number[]>;
}

const fixture: {
  readonly initial: Record<string, { readonly shape: number[]; readonly values: number[] }>;
  readonly lr: number;
  readonly inputs: number[][];
  readonly labels: number[][];
  readonly cases: Case[];
  readonly balanced: { readonly counts: number[]; readonly weights: number[] }[];
} = JSON.parse(readFileSync(new URL('../fixtures/penalties.json', import.meta.url), 'utf8'));

const runtime = nodeRuntime('cpu', { intraOpNumThreads: 1 });
const HEAD = ['2.weight', '2.bias'];
const network = () =>
  inferShapes(
    smallModel({
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
    }),
    runtime,
  );

const planOf = ({ l1, l2 = 0, l2sp }: Case['penalty'], trainable = Object.keys(fixture.initial)): TrainingPlan => ({
  ...PLAN_DEFAULTS,
  trainable: new Set(trainable),
  output: 'logits',
  optimizer: 'sgd',
  optimizerOptions: { momentum: 0 },
  l1,
  l2,
  l2sp: l2sp && { ...l2sp, fresh: new Set(HEAD) },
});
const batchOf = (i: number) => ({
  inputs: [tensor('float32', [4, 5], Float32Array.from(fixture.inputs[i]))],
  labels: BigInt64Array.from(fixture.labels[i], BigInt),
  indices: [0, 1, 2, 3],
});

describe('penalties in the loss, against PyTorch in double precision', () => {
  it.each(fixture.cases)('$penalty', async ({ penalty, losses, final }) => {
    const task = classification(['a', 'b', 'c']);
    const source = await network();
    let stage = await CompiledStage.compile(source, planOf(penalty), task, runtime, new Map(), 0);
    for (const [i, exact] of losses.entries()) {
      // A stage that begins from what an earlier one left knows the pretrained weights all the same.
      if (i === 2) {
        const left = await stage.state();
        await stage.release();
        stage = await CompiledStage.compile(withState(source, left), planOf(penalty), task, runtime, left, 0);
      }
      const [{ loss }] = await stage.train([{ batch: batchOf(i), lr: fixture.lr, step: i + 1 }]);
      expect(loss).toBeCloseTo(exact, 5);
    }
    const state = await stage.state();
    await stage.release();
    for (const [name, exact] of Object.entries(final)) {
      const found = state.get(name)!.data as Float32Array;
      exact.forEach((value, i) => {
        expect(found[i], name).toBeCloseTo(value, 5);
      });
    }
  });

  it('are of the weights that train alone, and of training alone', async () => {
    const source = await network();
    const { penalty } = fixture.cases[2];
    const body = planOf(penalty, ['0.weight', '0.bias']);
    expect([...trainingModel(source, body).graph.initializers.keys()]).toContain('0.weight.pretrained');
    const head = trainingModel(source, planOf(penalty, HEAD)).graph;
    expect([...head.initializers.keys()]).not.toContain('0.weight.pretrained');
    expect(evaluationModel(source, body).graph.nodes.map(({ op }) => op)).toEqual(
      evaluationModel(source, { ...body, l2sp: undefined }).graph.nodes.map(({ op }) => op),
    );
  });
});

it('FedProx: μ/2·Σ(w − w⁰)² of all that trains, and by its gradient μ·(w − w⁰) a step of the plain loss', async () => {
  const source = await network();
  const task = classification(['a', 'b', 'c']);
  const mu = 0.5;
  const { initializers } = source.model.graph;
  const valuesOf = (name: string) => initializers.get(name)!.data as Float32Array;
  // One value is not given: it stays near the model's own.
  const names = Object.keys(fixture.initial).filter((name) => name !== '2.bias');
  const from = new Map(
    names.map((name) => [
      name,
      tensor(
        'float32',
        initializers.get(name)!.shape,
        valuesOf(name).map((w) => w - 0.25),
      ),
    ]),
  );
  const stepped = async (plan: TrainingPlan) => {
    const stage = await CompiledStage.compile(source, plan, task, runtime, new Map(), 0);
    const [{ loss }] = await stage.train([{ batch: batchOf(0), lr: fixture.lr, step: 1 }]);
    const state = await stage.state();
    await stage.release();
    return { loss, state };
  };
  const plain = await stepped(planOf({}));
  const held = await stepped({ ...planOf({}), proximal: { mu, from } });
  const count = names.reduce((all, name) => all + valuesOf(name).length, 0);
  expect(held.loss - plain.loss).toBeCloseTo((mu / 2) * count * 0.25 ** 2, 5);
  for (const name of Object.keys(fixture.initial)) {
    const pull = from.has(name) ? fixture.lr * mu * 0.25 : 0;
    const [found, without] = [held, plain].map(({ state }) => state.get(name)!.data as Float32Array);
    found.forEach((value, i) => {
      expect(value, name).toBeCloseTo(without[i] - pull, 5);
    });
  }
});

it.each(fixture.balanced)('balanced class weights are scikit-learn’s: %j', ({ counts, weights }) => {
  balancedWeights(counts).forEach((weight, i) => {
    expect(weight).toBeCloseTo(weights[i], 10);
  });
});
