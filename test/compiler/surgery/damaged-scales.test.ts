import { expect, test } from 'vitest';
import { withHead } from '../../../src/session/index.ts';
import { quantizedPretrained } from '../../quantized-models.ts';
import { tensor } from '../../small-models.ts';

test('a head with fewer zero points than scales is refused', () => {
  const model = quantizedPretrained({ perChannel: true });
  const initializers = new Map([...model.graph.initializers, ['fc.bias_zero_point', tensor('int32', [2], () => 0)]]);
  const damaged = { ...model, graph: { ...model.graph, initializers } };
  expect(() => withHead(damaged, { classes: 3, quantized: 'straight-through' })).toThrow(
    'the head\'s "fc.bias_scale" and "fc.bias_zero_point" are not a number for each class',
  );
});
