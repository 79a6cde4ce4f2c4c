import { describe, expect, test } from 'vitest';
import { withFloatWeights } from '../../../src/compiler/import/index.ts';
import { inferShapes } from '../../../src/compiler/shapes/index.ts';
import { type Model, readModel, type Tensor, writeModel } from '../../../src/onnx/index.ts';
import { nodeRuntime } from '../../../src/runtime/node/sessions.ts';
import { pretrained } from '../../node/commands/project.ts';
import { quantizedPretrained } from '../../quantized-models.ts';
import { smallModel, tensor, weights } from '../../small-models.ts';

const scoresOf = async (model: Model): Promise<Tensor> => {
  const session = await nodeRuntime().load(writeModel(model), { optimization: 'none' });
  const { output } = await session.run({ input: weights([4, 3, 16, 16], 9) });
  await session.release();
  return output;
};

describe.each([true, false])('one scale per channel: %s', (perChannel) => {
  const model = quantizedPretrained({ perChannel });

  test('float weights replace integer weights, and compute the same', async () => {
    const float = withFloatWeights(model);
    const { initializers } = float.graph;
    for (const name of ['stem', 'block', 'fc']) {
      expect(initializers.get(`${name}.weight_quantized`)?.type).toBe('float32');
      expect(initializers.get(`${name}.bias_quantized`)?.type).toBe('float32');
    }
    expect(await scoresOf(float)).toEqual(await scoresOf(model));
    expect(readModel(writeModel(float)).graph.nodes.filter(({ op }) => op === 'DequantizeLinear')).toHaveLength(
      model.graph.nodes.filter(({ op }) => op === 'DequantizeLinear').length - 3,
    );
  });

  test('rounded weights are close to the original weights', async () => {
    const [float, whole] = [await scoresOf(pretrained()), await scoresOf(model)];
    (whole.data as Float32Array).forEach((value, i) => {
      expect(Math.abs(value - (float.data as Float32Array)[i])).toBeLessThan(0.05);
    });
  });
});

test('a model without integer weights stays unchanged', () => {
  const model = pretrained();
  expect(withFloatWeights(model)).toBe(model);
});

const onWeight = (weight: Tensor, scale: Tensor, more: Parameters<typeof smallModel>[0]['nodes'] = []) =>
  smallModel({
    opset: 21,
    inputs: { input: ['batch', 4] },
    outputs: { output: ['batch', 4] },
    initializers: { weight, scale },
    nodes: [
      ['DequantizeLinear', ['weight', 'scale'], ['w'], { axis: 0 }, 'dequantize'],
      ['MatMul', ['input', 'w'], ['output']],
      ...more,
    ],
  });

test('readers that dequantize a weight alike share one float weight, and a missing zero point implies the weight’s own type', async () => {
  const model = onWeight(
    tensor('int8', [4, 4], (i) => i * 9 - 70),
    weights([], 2),
    [],
  );
  const twice: Model = {
    ...model,
    graph: {
      ...model.graph,
      nodes: [
        ...model.graph.nodes.slice(0, 1),
        { ...model.graph.nodes[0], name: 'again', outputs: ['v'] },
        { ...model.graph.nodes[1], outputs: ['half'] },
        { ...model.graph.nodes[1], name: 'last', inputs: ['half', 'v'] },
      ],
    },
  };
  twice.graph.initializers.set(
    'scale',
    tensor('float32', [], () => 0.01),
  );
  const float = withFloatWeights(twice);
  expect(float.graph.nodes.filter(({ op }) => op === 'QuantizeLinear')).toHaveLength(1);
  const run = async (encoded: Model) => {
    const session = await nodeRuntime().load(writeModel(encoded), { optimization: 'none' });
    const { output } = await session.run({ input: weights([2, 4]) });
    await session.release();
    return output;
  };
  expect(await run(float)).toEqual(await run(twice));
});

test('a weight with one element is not a constant, because it can train', async () => {
  const model = smallModel({
    inputs: { input: ['batch', 4] },
    outputs: { output: ['batch', 4] },
    initializers: { weight: tensor('int8', [1], () => 5), scale: tensor('float32', [], () => 0.1) },
    nodes: [
      ['DequantizeLinear', ['weight', 'scale'], ['w']],
      ['Mul', ['input', 'w'], ['output']],
    ],
  });
  const { constants } = await inferShapes(withFloatWeights(model), nodeRuntime());
  expect(constants.has('w')).toBe(false);
});

test.each([
  [
    'in blocks',
    onWeight(
      tensor('int8', [4, 4], () => 1),
      tensor('float32', [2, 4], () => 0.1),
    ),
  ],
  [
    'used as it is',
    onWeight(
      tensor('int8', [4, 4], () => 1),
      tensor('float32', [], () => 0.1),
      [['Cast', ['weight'], ['c'], { to: 1 }]],
    ),
  ],
])('the import refuses a weight %s and names it', (_, model) => {
  expect(() => withFloatWeights(model)).toThrow(
    expect.objectContaining({
      code: 'bad-model',
      message: expect.stringMatching(/weight "weight" \(int8\) of DequantizeLinear node "dequantize"/),
    }),
  );
});
