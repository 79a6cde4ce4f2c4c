import { expect, test } from 'vitest';
import { inPrecisionOf, inSinglePrecision } from '../../../src/compiler/import/index.ts';
import { inferShapes } from '../../../src/compiler/shapes/index.ts';
import { isHalf, type Model, narrowed, writeModel } from '../../../src/onnx/index.ts';
import { nodeRuntime } from '../../../src/runtime/node/sessions.ts';
import { smallModel, tensor, tensorAttribute, weights } from '../../small-models.ts';

const half = (type: 'float16' | 'bfloat16'): Model => {
  const code = type === 'float16' ? 10 : 16;
  const one = narrowed(
    tensor('float32', [1], () => 1),
    type,
  );
  const model = smallModel({
    opset: 18,
    inputs: { x: [1, 3] },
    outputs: { y: [1, 3] },
    types: { x: type, y: type },
    initializers: { w: narrowed(weights([3, 3]), type), shape: tensor('int64', [1], () => 3) },
    nodes: [
      ['MatMul', ['x', 'w'], ['p']],
      ['ConstantOfShape', ['shape'], ['ones'], { value: tensorAttribute(one) }],
      ['Constant', [], ['more'], { value: tensorAttribute(one) }],
      ['Cast', ['shape'], ['three'], { to: code }],
      ['Cast', ['p'], ['single'], { to: 1 }],
      ['Cast', ['single'], ['q'], { to: code }],
      ['Sum', ['q', 'ones', 'more', 'three'], ['y']],
    ],
  });
  return { ...model, graph: { ...model.graph, valueInfo: [{ name: 'p', type, shape: [1, 3] }] } };
};

test.each(['float16', 'bfloat16'] as const)('%s becomes float32 in every type declaration', async (type) => {
  const single = inSinglePrecision(half(type));
  const { graph } = single;
  const tensors = [...graph.initializers.values()].map((value) => value.type);
  expect(tensors).toEqual(['float32', 'int64']);
  expect([...graph.inputs, ...graph.outputs, ...graph.valueInfo].some((value) => isHalf(value.type))).toBe(false);
  const session = await nodeRuntime().load(writeModel(single));
  const { y } = await session.run({ x: tensor('float32', [1, 3], () => 0) });
  await session.release();
  expect(y).toMatchObject({ type: 'float32', data: Float32Array.of(5, 5, 5) });
});

test('a model without half precision stays the same object', () => {
  const model = smallModel({ inputs: { x: [1] }, outputs: { y: [1] }, nodes: [['Cast', ['x'], ['y'], { to: 1 }]] });
  expect(inSinglePrecision(model)).toBe(model);
});

test('a batch freed in the float32 copy is freed in the model, which keeps its types and weights', async () => {
  const model = half('float16');
  const { model: freed } = await inferShapes(inSinglePrecision(model), nodeRuntime());
  const { graph } = inPrecisionOf(model, freed);
  expect(graph.inputs).toEqual([{ name: 'x', type: 'float16', shape: ['batch', 3] }]);
  expect(graph.outputs).toEqual([{ name: 'y', type: 'float16', shape: ['batch', 3] }]);
  expect(graph.initializers).toEqual(model.graph.initializers);
  expect(graph.nodes).toEqual(model.graph.nodes);
});
