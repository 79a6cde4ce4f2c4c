import { expect, test } from 'vitest';
import { deferredTensor } from '../../src/onnx/index.ts';
import { parseConfig, trainingPlan, trainingSchema } from '../../src/training/index.ts';
import { layersOf } from '../../src/training/stage-info.ts';
import { prepared } from './network.ts';

test('parameters are counted without reading their data', async () => {
  const { network, anatomy } = await prepared();
  const config = parseConfig(trainingSchema, {});
  const plan = trainingPlan(config, { train: ['head'], epochs: 1 }, anatomy, anatomy.head.graphOutput);
  const expected = layersOf(network, anatomy, plan, []);
  expect(expected.frozen).toBeGreaterThan(0);
  const unread = () => {
    throw new Error('the weights were read');
  };
  const { graph, ...rest } = network.model;
  const initializers = new Map(
    [...graph.initializers].map(([name, { type, shape, data }]) => {
      const { byteLength: length } = data as Float32Array;
      return [name, deferredTensor(type, shape, { length, read: unread, pieces: unread })];
    }),
  );
  const unreadable = { ...network, model: { ...rest, graph: { ...graph, initializers } } };
  expect(layersOf(unreadable, anatomy, plan, [])).toEqual(expected);
});
