import { describe, expect, it } from 'vitest';
import { nodeRuntime } from '../../src/runtime/node/sessions.ts';
import { compareNetwork } from '../compare-network.ts';
import { loadNetwork, networkNames } from '../reference.ts';

describe('training_model.onnx in blocks of channels against PyTorch', () => {
  const runtime = nodeRuntime('cpu', { intraOpNumThreads: 1 });
  it.each(networkNames)('%s', async (name) => {
    for (const { loss, gradients } of await compareNetwork(loadNetwork(name), runtime, { block: 16 })) {
      expect(loss).toBeLessThan(5e-5);
      expect(gradients.filter(({ relative, cosine }) => !(relative < 1e-3 && cosine > 0.9999))).toEqual([]);
    }
  });
});
