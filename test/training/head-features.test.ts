import { expect, test } from 'vitest';
import type { BatchSource } from '../../src/data/index.ts';
import { loadable, loadSession, type Runtime } from '../../src/runtime/index.ts';
import { withValue } from '../../src/session/features.ts';
import { classification } from '../../src/tasks/index.ts';
import {
  FeatureCache,
  HeadFeatures,
  parseConfig,
  Trainer,
  trainingSchema,
  withState,
} from '../../src/training/index.ts';
import { prepared, runtime } from './network.ts';
import { RecallableImages } from './source.ts';

const stages = [
  { train: 'head', epochs: 1 },
  { train: 'last:2', epochs: 2 },
];

async function rowsOf(features: HeadFeatures, source: BatchSource): Promise<number[]> {
  const rows: number[] = [];
  try {
    for await (const { values } of features.batches(source, 4)) rows.push(...(values.data as Float32Array));
    return rows;
  } finally {
    await features.release();
  }
}

test('features are those of the trained network, and continue from what the training cached', async () => {
  const cache = new FeatureCache();
  const val = new RecallableImages(10, 2);
  const config = parseConfig(trainingSchema, { batch: 6, stages, lr: 0.05, pretrainedRate: 1, seed: 3 });
  const options = { ...(await prepared()), task: classification(['a', 'b', 'c']), config, runtime, features: cache };
  const trainer = new Trainer({ ...options, train: new RecallableImages(20, 1), val });
  for await (const _ of trainer.run());
  const checkpoint = await trainer.checkpoint();
  await trainer.release();

  const { network } = options;
  const trained = withState(network, checkpoint.state).model;
  const session = await loadSession(runtime, loadable(withValue(trained, 'f2')));
  const expected: number[] = [];
  for await (const { inputs } of val.batches({ epoch: 0, batchSize: 10 })) {
    const { f2 } = await session.run({ pixel_values: inputs[0] }, ['f2']);
    expected.push(...(f2.data as Float32Array));
  }
  await session.release();

  const seen = val.drawn.length;
  const loaded: string[][] = [];
  const watched: Runtime = {
    ...runtime,
    load: async (model, how) => {
      const opened = await runtime.load(model, how);
      loaded.push([...opened.inputNames]);
      return opened;
    },
  };
  const rows = await rowsOf(await HeadFeatures.open({ ...options, runtime: watched, checkpoint }), val);
  expect(val.drawn).toHaveLength(seen);
  // The layers below those that trained do not run again.
  expect(loaded).toEqual([['r1']]);
  expect(rows).toHaveLength(60);
  for (const [i, value] of rows.entries()) expect(value).toBeCloseTo(expected[i], 5);

  const size = cache.size;
  const again = await HeadFeatures.open({ ...options, features: undefined, checkpoint });
  expect(await rowsOf(again, new RecallableImages(10, 2))).toEqual(rows);
  expect(cache.size).toBe(size);
});
