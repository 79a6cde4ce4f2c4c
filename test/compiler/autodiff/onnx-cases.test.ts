import { expect, test } from 'vitest';
import { casesOf, type Numbers } from '../../onnx-training.ts';
import { compareGradients } from './check.ts';
import type { Input } from './inputs.ts';
import { forwardOf } from './row.ts';

const inputOf = ({ type, shape, values }: Numbers): Input => ({
  type,
  shape,
  values: () => [...values],
  constant: type === 'int64',
  differentiated: type === 'float32',
});

const LOSSES = casesOf('SoftmaxCrossEntropyLoss', 'NegativeLogLikelihoodLoss');

test('both losses have cases', () => {
  expect(LOSSES.length).toBeGreaterThan(25);
});

test.each(LOSSES.map((row) => [row.name, row] as const))(
  'the gradients of the ONNX case %s agree with finite differences',
  async (name, { operator, attributes, inputs, outputs }) => {
    const comparisons = await compareGradients(
      forwardOf([operator, attributes, inputs.map(inputOf), { outputs: outputs.length }]),
      name,
    );
    expect(comparisons.length).toBe(inputs.filter(({ type }) => type === 'float32').length);
    for (const { input, error, tolerance } of comparisons) expect(error, `∂${input}`).toBeLessThan(tolerance);
  },
);
