import { describe, expect, it } from 'vitest';
import { nodeRuntime } from '../../../src/runtime/node/sessions.ts';
import { compareNetwork } from '../../compare-network.ts';
import { loadNetwork, networkNames } from '../../reference.ts';

/** Whole networks: the loss and every parameter's gradient, against PyTorch's in double precision. */
describe('training_model.onnx against PyTorch', () => {
  // One thread, because threads that wait for each other are slow on a busy machine.
  const runtime = nodeRuntime('cpu', { intraOpNumThreads: 1 });

  it.each(networkNames)('%s', async (name) => {
    const comparisons = await compareNetwork(loadNetwork(name), runtime);
    for (const { loss, output, gradients, vanishing, missing } of comparisons) {
      expect(missing).toEqual([]);
      expect(loss).toBeLessThan(5e-5);
      expect(output).toBeLessThan(1e-3);
      expect(gradients.filter(({ relative, cosine }) => !(relative < 1e-3 && cosine > 0.9999))).toEqual([]);
      expect(vanishing.filter(({ norm }) => !(norm < 1e-5))).toEqual([]);
    }
  });
});
