import { expect } from 'vitest';
import type { Inference } from '../../../src/compiler/shapes/index.ts';
import { evaluationModel, PLAN_DEFAULTS, trainingModel } from '../../../src/compiler/step/index.ts';
import { type Tensor, writeModel } from '../../../src/onnx/index.ts';
import type { Feeds } from '../../../src/runtime/index.ts';
import { tensor } from '../../small-models.ts';
import { runtime } from '../../training/network.ts';

/**
 * Compares each parameter's gradient with central differences of the loss. Along the gradient, the loss changes by the
 * gradient's norm.
 */
export async function compareWithDifferences(
  network: Inference,
  parameters: readonly string[],
  data: Feeds,
  output = 'logits',
): Promise<void> {
  const plan = { ...PLAN_DEFAULTS, trainable: new Set(parameters), output };
  const training = await runtime.load(writeModel(trainingModel(network, plan)));
  const evaluation = await runtime.load(writeModel(evaluationModel(network, plan)));
  const { initializers } = network.model.graph;
  const feeds = { ...data, ...Object.fromEntries(parameters.map((name) => [name, initializers.get(name) as Tensor])) };
  const results = await training.run(feeds);
  const loss = async (changed: Feeds) =>
    Number(((await evaluation.run({ ...feeds, ...changed })).loss.data as Float32Array)[0]);
  for (const name of parameters) {
    const gradient = results[`${name}.grad`].data as Float32Array;
    const norm = Math.hypot(...gradient);
    expect(norm, name).toBeGreaterThan(1e-4);
    const moved = (step: number) => {
      const { type, shape, data: from } = feeds[name] as Tensor;
      return { [name]: tensor(type, shape, (i) => Number((from as Float32Array)[i]) + (step * gradient[i]) / norm) };
    };
    const slope = ((await loss(moved(0.02))) - (await loss(moved(-0.02)))) / 0.04;
    expect(slope / norm, name).toBeCloseTo(1, 2);
  }
}
