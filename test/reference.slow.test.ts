import { describe, expect, test } from 'vitest';
import { nodeRuntime } from '../src/runtime/node/sessions.ts';
import { compareOutput } from './compare-network.ts';
import { compareTensor, loadNetwork, networkNames, type TensorSummary } from './reference.ts';

describe('PyTorch references', () => {
  test.each(networkNames)('%s gives the outputs of PyTorch', async (name) => {
    const { model, runs } = loadNetwork(name);
    const session = await nodeRuntime().load(model);
    for (const run of runs) {
      const { logits } = await session.run(run.inputs);
      expect(compareOutput(run, logits.data as Float32Array)).toBeLessThan(1e-4);
    }
    await session.release();
  });

  // Signs of seed 1 and dot products as scripts/reference/generator.py gives them for the gradient 1, 2, …, 12.
  const summary: TensorSummary = {
    norm: Math.sqrt(650),
    sum: 78,
    projections: [2, -2, -12, -18, -16, 14, -40, 0],
    shape: [12],
    seed: 1,
  };
  const gradient = Float32Array.from({ length: 12 }, (_, i) => i + 1);

  test('a gradient equal to its reference is seen to be', () => {
    const { relative, cosine } = compareTensor(summary, gradient);
    expect(relative).toBeLessThan(1e-8);
    expect(cosine).toBeCloseTo(1, 8);
  });

  test.each([
    ['scaled by 1.01', gradient.map((x) => x * 1.01)],
    ['of the other sign', gradient.map((x) => -x)],
    ['in another order', gradient.toReversed()],
  ])('a gradient %s is seen to be wrong', (_, wrong) => {
    expect(compareTensor(summary, wrong).relative).toBeGreaterThan(5e-3);
  });

  test('a gradient of another size is refused', () => {
    expect(() => compareTensor(summary, new Float32Array(3))).toThrow('3 elements where 12 belong');
  });
});
