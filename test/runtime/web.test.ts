import { expect, test } from 'vitest';
import { inferShapes } from '../../src/compiler/shapes/index.ts';
import { writeModel } from '../../src/onnx/index.ts';
import { webRuntime } from '../../src/runtime/web/sessions.ts';
import { classification } from '../../src/tasks/index.ts';
import { parseConfig, Trainer, trainingSchema } from '../../src/training/index.ts';
import { classifier, prepared, runtime } from '../training/network.ts';
import { SyntheticImages } from '../training/source.ts';

/** The package's own entry for Node, which only has WebAssembly. */
const wasm = webRuntime({ device: 'wasm', threads: 1, library: () => import('onnxruntime-web') });

async function finalState(on: typeof runtime) {
  const { anatomy } = await prepared({ batchNorm: true });
  const trainer = new Trainer({
    network: await inferShapes(classifier({ batchNorm: true }), on),
    anatomy,
    task: classification(['red', 'green', 'blue']),
    train: new SyntheticImages(23, 1),
    val: new SyntheticImages(15, 2),
    config: parseConfig(trainingSchema, {
      batch: 6,
      lr: 0.02,
      batchNorm: 'training',
      // Adam would turn rounding errors into steps if a gradient is zero (as for a bias before batch normalization).
      optimizer: { name: 'sgd', momentum: 0.9 },
      stages: [
        { train: 'head', epochs: 1 },
        { train: 'all', epochs: 2 },
      ],
    }),
    runtime: on,
  });
  let last: Awaited<ReturnType<Trainer['checkpoint']>> | undefined;
  for await (const event of trainer.run()) if (event.type === 'epoch') last = await trainer.checkpoint();
  return last!;
}

test('training on WebAssembly gives the same numbers as the native runtime', async () => {
  const [native, web] = [await finalState(runtime), await finalState(wasm)];
  expect([...web.state.keys()].sort()).toEqual([...native.state.keys()].sort());
  for (const [name, { data }] of native.state) {
    const other = web.state.get(name)!.data as Float32Array;
    const differences = Array.from(data as Float32Array, (value, i) => Math.abs(value - other[i]));
    expect(Math.max(...differences), name).toBeLessThan(1e-4);
  }
  native.progress.rows.forEach((row, i) => {
    expect(web.progress.rows[i].train.loss).toBeCloseTo(row.train.loss, 4);
    expect(web.progress.rows[i].val.accuracy).toBe(row.val.accuracy);
  });
});

test('fills a tensor given for an output', async () => {
  const session = await wasm.load(writeModel(classifier()));
  const feeds = {
    pixel_values: { type: 'float32', shape: [1, 3, 8, 8], data: new Float32Array(192).fill(0.5) },
  } as const;
  const { logits } = await session.run(feeds);
  const target = { type: 'float32', shape: [1, 3], data: new Float32Array(3) } as const;
  const results = await session.run(feeds, { logits: target });
  await session.release();
  expect(results.logits).toBe(target);
  expect(target.data).toEqual(logits.data);
});

test('missing assets are an error with a hint', async () => {
  const missing = webRuntime({ device: 'wasm', library: () => Promise.reject(new Error('not found')) });
  await expect(missing.load(new Uint8Array(4))).rejects.toThrow('onnxruntime-web cannot be loaded: not found');
});
