import { describe, expect, test } from 'vitest';
import { compareGradients, type Forward } from './check.ts';
import { randomFeatureGraph, randomImageGraph } from './random-graphs.ts';

const SEEDS = Array.from({ length: 8 }, (_, i) => i + 1);

async function expectTrueGradients(forward: Forward, seed: string): Promise<void> {
  const comparisons = await compareGradients(forward, seed);
  const operators = forward.nodes.map(({ op }) => op).join(' ');
  for (const { input, error, tolerance } of comparisons)
    expect(error, `∂${input} of ${operators}`).toBeLessThan(tolerance);
}

describe('gradients of random graphs agree with finite differences', () => {
  test.each(SEEDS)('features %i', (seed) => expectTrueGradients(randomFeatureGraph(seed), `features ${seed}`));
  test.each(SEEDS)('images %i', (seed) => expectTrueGradients(randomImageGraph(seed), `images ${seed}`));

  test('the graphs contain many operators', () => {
    const graphs = SEEDS.flatMap((seed) => [randomFeatureGraph(seed), randomImageGraph(seed)]);
    const operators = new Set(graphs.flatMap(({ nodes }) => nodes.map(({ op }) => op)));
    expect(operators.size).toBeGreaterThan(20);
  });
});
