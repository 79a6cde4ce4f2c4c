import { expect, it } from 'vitest';
import type { Tensor } from '../../src/onnx/index.ts';
import { machineOf, type Runtime } from '../../src/runtime/index.ts';
import { nodeRuntime } from '../../src/runtime/node/sessions.ts';

it('probes the block size of the machine once', async () => {
  const runtime = nodeRuntime();
  let loaded = 0;
  const counting: Runtime = {
    ...runtime,
    load: (model) => {
      loaded++;
      return runtime.load(model);
    },
  };
  const size = (await machineOf(counting)).block;
  expect([undefined, 4, 8, 16]).toContain(size);
  expect((await machineOf(counting)).block).toBe(size);
  expect(loaded).toBe(1);
});

it('a runtime that refuses the operator has no blocks', async () => {
  const refusing: Runtime = { device: 'cpu', load: () => Promise.reject(new Error('no such operator')) };
  expect((await machineOf(refusing)).block).toBeUndefined();
});

it('a runtime that returns another order has no blocks', async () => {
  const plain: Runtime = {
    device: 'cpu',
    load: async () => ({
      inputNames: ['x'],
      outputNames: ['y'],
      outputTypes: {},
      run: async ({ x }) => ({ reorderinput: x as Tensor }),
      release: async () => {},
    }),
  };
  expect((await machineOf(plain)).block).toBeUndefined();
});
