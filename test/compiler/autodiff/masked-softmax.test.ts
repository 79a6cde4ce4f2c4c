import { expect, test } from 'vitest';
import type { Node } from '../../../src/onnx/index.ts';
import { compareGradients } from './check.ts';
import { constant, exactly, f32, ints } from './inputs.ts';

const node = (op: string, inputs: readonly string[], output: string): Node => ({
  name: output,
  op,
  domain: '',
  inputs,
  outputs: [output],
  attributes: {},
});

/**
 * Two ways to choose the replaced rows: the softmax is NaN, or the mask has only −∞, as the specification of
 * `Attention` requires.
 */
const CHOICES: Readonly<Record<string, readonly Node[]>> = {
  'their softmax is NaN': [node('Softmax', ['masked'], 'weights'), node('IsNaN', ['weights'], 'replaced')],
  'their mask has no number': [
    node('Softmax', ['masked'], 'softmax'),
    node('Identity', ['softmax'], 'weights'),
    node('ReduceMax', ['mask', 'axis'], 'greatest'),
    node('IsInf', ['greatest'], 'replaced'),
  ],
};

test.each(Object.entries(CHOICES))('rows replaced because %s have no gradient', async (_, choice) => {
  const nothing = -Infinity;
  const comparisons = await compareGradients(
    {
      nodes: [
        node('Add', ['scores', 'mask'], 'masked'),
        ...choice,
        node('Where', ['replaced', 'zero', 'weights'], 'safe'),
        node('MatMul', ['safe', 'values'], 'y'),
      ],
      inputs: new Map([
        ['scores', f32('batch', 2, 3)],
        ['mask', constant(exactly([0, nothing, 0, nothing, nothing, nothing], 2, 3))],
        ['zero', constant(exactly([0]))],
        ['axis', ints([1])],
        ['values', f32('batch', 3, 2)],
      ]),
      outputs: ['y'],
    },
    'masked softmax',
  );
  expect(comparisons.map(({ input }) => input)).toEqual(['scores', 'values']);
  for (const { input, error, tolerance } of comparisons) expect(error, `∂${input}`).toBeLessThan(tolerance);
});
