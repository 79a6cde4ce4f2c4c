import { expect, test } from 'vitest';
import { ADJOINT_DOMAIN } from '../../../src/compiler/autodiff/index.ts';
import { type AttributeLike, float, type Node, toAttributes } from '../../../src/onnx/index.ts';
import { compareGradients } from './check.ts';
import { constant, exactly, f32, ints } from './inputs.ts';

const node = (
  op: string,
  inputs: string,
  output: string,
  attributes: Record<string, AttributeLike> = {},
  domain = '',
): Node => ({
  name: output,
  op,
  domain,
  inputs: inputs.split(' '),
  outputs: [output],
  attributes: toAttributes(attributes),
});

test('NormalizeBatch has the gradient of batch norm with batch statistics', async () => {
  const statistics = [
    node('ReduceMean', 'x axes', 'mean', { keepdims: 0 }),
    node('Reshape', 'mean column', 'centre'),
    node('Sub', 'x centre', 'distance'),
    node('Mul', 'distance distance', 'square'),
    node('ReduceMean', 'square axes', 'variance', { keepdims: 0 }),
  ];
  const comparisons = await compareGradients(
    {
      nodes: [
        ...statistics,
        node('Reshape', 'variance column', 'spread'),
        node('Add', 'spread epsilon', 'biased'),
        node('Sqrt', 'biased', 'deviation'),
        node('Div', 'distance deviation', 'normal'),
        node('Reshape', 'scale column', 'scales'),
        node('Mul', 'normal scales', 'scaled'),
        node('Reshape', 'shift column', 'shifts'),
        node('Add', 'scaled shifts', 'y'),
      ],
      differentiated: [
        ...statistics,
        node('NormalizeBatch', 'x scale shift mean variance n', 'y', { epsilon: float(0.01) }, ADJOINT_DOMAIN),
      ],
      inputs: new Map([
        ['x', f32(3, 2, 2, 3)],
        ['scale', f32(2)],
        ['shift', f32(2)],
        ['axes', ints([0, 2, 3])],
        ['column', ints([2, 1, 1])],
        ['epsilon', constant(exactly([0.01]))],
        ['n', constant(exactly([18]))],
      ]),
      outputs: ['y'],
    },
    'batch statistics',
  );
  expect(comparisons.map(({ input }) => input)).toEqual(['x', 'scale', 'shift']);
  for (const { input, error, tolerance } of comparisons) expect(error, `∂${input}`).toBeLessThan(tolerance);
});
