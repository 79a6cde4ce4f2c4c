import { describe, expect, it } from 'vitest';
import { PLAN_DEFAULTS, type TrainingPlan, trainingModel } from '../../src/artifacts/index.ts';
import { upgrade } from '../../src/lowering/index.ts';
import { readModel, tensor, writeModel } from '../../src/onnx/index.ts';
import { nodeRuntime } from '../../src/runtime/node/sessions.ts';
import { inferShapes } from '../../src/shapes/index.ts';
import { compareGradient, loadNetwork, networkNames } from '../reference.ts';

describe('training_model.onnx in blocks of channels against PyTorch', () => {
  const runtime = nodeRuntime('cpu', { intraOpNumThreads: 1 });
  it.each(networkNames)('%s', async (name) => {
    const reference = loadNetwork(name);
    const network = await inferShapes(upgrade(readModel(reference.model)), runtime);
    const plan: TrainingPlan = {
      ...PLAN_DEFAULTS,
      trainable: new Set(Object.keys(reference.gradients)),
      output: 'logits',
    };
    const session = await runtime.load(writeModel(trainingModel(network, plan, { block: 16 })));
    const { initializers } = network.model.graph;
    const results = await session.run({
      [reference.input.name]: tensor('float32', reference.input.shape, reference.input.data),
      labels: tensor('int64', [reference.labels.length], BigInt64Array.from(reference.labels, BigInt)),
      ...Object.fromEntries([...plan.trainable].map((parameter) => [parameter, initializers.get(parameter)!])),
    });
    await session.release();
    expect((results.loss.data as Float32Array)[0]).toBeCloseTo(reference.loss, 4);
    const wrong = Object.entries(reference.gradients)
      .map(([parameter, summary]) => ({
        parameter,
        ...compareGradient(summary, results[`${parameter}.grad`].data as Float32Array),
      }))
      .filter(({ relative, cosine }) => !(relative < 1e-3 && cosine > 0.9999));
    expect(wrong).toEqual([]);
  });
});
