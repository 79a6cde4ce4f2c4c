import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { readModel } from '../../../src/onnx/index.ts';
import { machineOf } from '../../../src/runtime/index.ts';
import { nodeRuntime } from '../../../src/runtime/node/sessions.ts';
import { compareNetwork } from '../../compare-network.ts';
import { loadNetwork, networkNames } from '../../reference.ts';

/** Networks with convolutions. Blocks change nothing in the others. */
const convolutional = networkNames.filter((name) => {
  const { graph } = readModel(readFileSync(new URL(`../../fixtures/networks/${name}.onnx`, import.meta.url)));
  return graph.nodes.filter(({ op }) => op === 'Conv').length > 3;
});

/** It has so many ReLUs that rounding flips the sign of some element. Its inputs were drawn without a margin. */
const WITHOUT_MARGIN = /^densenet/;

describe('training_model.onnx in blocks of channels matches PyTorch', () => {
  const runtime = nodeRuntime('cpu', { intraOpNumThreads: 1 });
  let block: number | undefined;
  beforeAll(async () => {
    block = (await machineOf(runtime)).block;
    expect(block, 'ONNX Runtime has no blocked layout on this machine').toBeGreaterThan(0);
  });

  it.each(convolutional)('%s', async (name) => {
    const [most, least] = WITHOUT_MARGIN.test(name) ? [5e-2, 0.999] : [1e-3, 0.9999];
    for (const { loss, gradients } of await compareNetwork(loadNetwork(name), runtime, { block })) {
      expect(loss).toBeLessThan(5e-5);
      expect(gradients.filter(({ relative, cosine }) => !(relative < most && cosine > least))).toEqual([]);
    }
  });
});
