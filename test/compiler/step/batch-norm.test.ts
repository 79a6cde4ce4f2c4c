import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { inferShapes } from '../../../src/compiler/shapes/index.ts';
import { evaluationModel, PLAN_DEFAULTS, type TrainingPlan, trainingModel } from '../../../src/compiler/step/index.ts';
import { writeModel } from '../../../src/onnx/index.ts';
import { nodeRuntime } from '../../../src/runtime/node/sessions.ts';
import { classification } from '../../../src/tasks/index.ts';
import { CompiledStage } from '../../../src/training/index.ts';
import { tensor } from '../../small-models.ts';
import { batchNormNetwork, PARAMETERS, STATISTICS } from '../../training/batch-norm-network.ts';

interface Step {
  readonly shape: number[];
  readonly input: number[];
  readonly labels: number[];
  readonly loss: number;
  readonly logits: number[];
  readonly gradients: Record<string, number[]>;
  readonly statistics: Record<string, number[]>;
}

const fixture: {
  readonly initial: Record<string, number[]>;
  readonly lr: number;
  readonly steps: Step[];
  readonly final: Record<string, number[]>;
} = JSON.parse(readFileSync(new URL('../../fixtures/batch-norm.json', import.meta.url), 'utf8'));

const runtime = nodeRuntime();
const model = batchNormNetwork(fixture.initial);
const statistics = STATISTICS;
const plan: TrainingPlan = {
  ...PLAN_DEFAULTS,
  trainable: new Set(PARAMETERS),
  output: 'logits',
  optimizer: 'sgd',
  optimizerOptions: { momentum: 0 },
  batchNorm: 'training',
};
const batchOf = ({ shape, input, labels }: Step) => ({
  inputs: [tensor('float32', shape, (i) => input[i])],
  labels: BigInt64Array.from(labels, BigInt),
  indices: labels.map((_, i) => i),
});
const distance = (found: ArrayLike<number>, exact: readonly number[]): number =>
  Math.max(...exact.map((v, i) => Math.abs(found[i] - v))) / Math.max(...exact.map(Math.abs));

describe('batch norm with batch statistics, against PyTorch in double precision', () => {
  it('has the loss, outputs, gradients and new statistics of the first step', async () => {
    const network = await inferShapes(model, runtime);
    const [step] = fixture.steps;
    const session = await runtime.load(writeModel(trainingModel(network, plan)));
    const results = await session.run({
      x: tensor('float32', step.shape, (i) => step.input[i]),
      labels: tensor('int64', [step.labels.length], (i) => step.labels[i]),
      ...Object.fromEntries(network.model.graph.initializers),
    });
    await session.release();
    const values = (name: string) => results[name].data as Float32Array;
    expect(values('loss')[0]).toBeCloseTo(step.loss, 6);
    expect(distance(values('logits'), step.logits)).toBeLessThan(1e-5);
    for (const [name, exact] of Object.entries(step.gradients))
      expect(distance(values(`${name}.grad`), exact), name).toBeLessThan(2e-5);
    for (const [name, exact] of Object.entries(step.statistics))
      expect(distance(values(`${name}.next`), exact), name).toBeLessThan(2e-6);
  });

  it('has the parameters and statistics of three training steps, the last with a smaller batch', async () => {
    const network = await inferShapes(model, runtime);
    const stage = await CompiledStage.compile({
      ...{ network, plan, runtime, seed: 0 },
      task: classification(['a', 'b', 'c']),
    });
    for (const [i, step] of fixture.steps.entries()) {
      const [{ loss }] = await stage.train([{ batch: batchOf(step), lr: fixture.lr, step: i + 1 }]);
      expect(loss).toBeCloseTo(step.loss, 5);
      const state = await stage.state();
      for (const name of statistics)
        expect(distance(state.get(name)!.data as Float32Array, step.statistics[name]), name).toBeLessThan(1e-5);
    }
    const state = await stage.state();
    for (const [name, exact] of Object.entries(fixture.final))
      expect(distance(state.get(name)!.data as Float32Array, exact), name).toBeLessThan(1e-5);
    await stage.release();
  });

  it('uses the running statistics, as inputs, in evaluation', async () => {
    const network = await inferShapes(model, runtime);
    const [step] = fixture.steps;
    const data = { x: tensor('float32', step.shape, (i) => step.input[i]) };
    const labels = tensor('int64', [step.labels.length], (i) => step.labels[i]);
    const evaluation = await runtime.load(writeModel(evaluationModel(network, plan)));
    const plain = await runtime.load(writeModel(model));
    const found = await evaluation.run({ ...data, labels, ...Object.fromEntries(network.model.graph.initializers) });
    const expected = await plain.run(data);
    expect(distance(found.logits.data as Float32Array, Array.from(expected.logits.data as Float32Array))).toBeLessThan(
      1e-6,
    );
  });

  it('keeps the statistics of a frozen layer, as constants', async () => {
    const network = await inferShapes(model, runtime);
    const { graph } = trainingModel(network, { ...plan, trainable: new Set(['conv.weight', 'fc.weight', 'fc.bias']) });
    expect(graph.outputs.map(({ name }) => name).filter((name) => name.endsWith('.next'))).toEqual([]);
    for (const name of statistics) expect(graph.initializers.get(name)).toEqual(model.graph.initializers.get(name));
    // It is folded into the preceding convolution.
    expect(graph.nodes.some(({ op }) => op === 'BatchNormalization')).toBe(false);
  });
});
