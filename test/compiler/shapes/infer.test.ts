import { expect, test } from 'vitest';
import { inferShapes } from '../../../src/compiler/shapes/index.ts';
import { ThawError } from '../../../src/errors.ts';
import { readModel } from '../../../src/onnx/index.ts';
import { nodeRuntime } from '../../../src/runtime/node/sessions.ts';
import { loadNetwork } from '../../reference.ts';
import { ints, smallModel, tensor, tensorAttribute, weights } from '../../small-models.ts';

const runtime = nodeRuntime();

/** A convolution, flattened with the shape arithmetic of exporters. */
const flattening = (batch: number | string | null = 'N') =>
  smallModel({
    inputs: { image: [batch, 3, 8, 8] },
    outputs: { logits: [batch, 5] },
    initializers: {
      w: weights([4, 3, 3, 3]),
      fc: weights([144, 5]),
      zero: tensor('int64', [], () => 0),
      rest: ints(-1),
    },
    nodes: [
      ['Conv', ['image', 'w'], ['conv']],
      ['Shape', ['conv'], ['shape']],
      ['Gather', ['shape', 'zero'], ['n']],
      ['Constant', [], ['axis'], { value: tensorAttribute(ints(0)) }],
      ['Unsqueeze', ['n', 'axis'], ['n1']],
      ['Concat', ['n1', 'rest'], ['target'], { axis: 0 }],
      ['Reshape', ['conv', 'target'], ['flat']],
      ['MatMul', ['flat', 'fc'], ['logits']],
    ],
  });

const rejection = async (promise: Promise<unknown>): Promise<ThawError> => {
  const error = await promise.then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(ThawError);
  expect((error as ThawError).line).not.toContain('\n');
  return error as ThawError;
};

test('the first dimension of the input is the batch under any name, also in the values that depend on it', async () => {
  const { values, constants } = await inferShapes(flattening(), runtime);
  expect(values.get('image')).toEqual({ type: 'float32', shape: ['batch', 3, 8, 8] });
  expect(values.get('conv')).toEqual({ type: 'float32', shape: ['batch', 4, 6, 6] });
  expect(values.get('flat')).toEqual({ type: 'float32', shape: ['batch', 144] });
  expect(values.get('logits')).toEqual({ type: 'float32', shape: ['batch', 5] });
  expect(values.get('target')).toEqual({ type: 'int64', shape: [2] });
  expect(values.get('fc')).toEqual({ type: 'float32', shape: [144, 5] });
  expect([...constants.keys()]).toEqual(['axis']);
});

test('inference frees values during the run, not at its end', async () => {
  // 50 values of 16 MiB per sample.
  const steps = Array.from({ length: 50 }, (_, i) => `y${i}`);
  const model = smallModel({
    inputs: { x: ['N', 1, 1024] },
    outputs: { y49: ['N', 4096, 1024] },
    initializers: { tall: weights([1, 4096, 1]) },
    nodes: [['Add', ['x', 'tall'], ['y0']], ...steps.slice(1).map((y, i) => ['Neg', [steps[i]], [y]] as const)],
  });
  const before = process.resourceUsage().maxRSS;
  const { values } = await inferShapes(model, runtime);
  expect(values.get('y49')!.shape).toEqual(['batch', 4096, 1024]);
  expect((process.resourceUsage().maxRSS - before) / 1024).toBeLessThan(400);
});

test('values computed from fixed sizes are constants; values that depend on data, weights or random numbers are not', async () => {
  const { constants } = await inferShapes(
    smallModel({
      inputs: { x: ['N', 4] },
      outputs: { y: ['N', 4] },
      initializers: { one: tensor('int64', [], () => 1), w: weights([4]) },
      nodes: [
        ['Shape', ['x'], ['shape']],
        ['Gather', ['shape', 'one'], ['width']],
        ['Cast', ['width'], ['scale'], { to: 1 }],
        ['Identity', ['w'], ['same']],
        ['Mul', ['x', 'scale'], ['scaled']],
        ['RandomNormalLike', ['same'], ['noise']],
        ['Add', ['scaled', 'noise'], ['moved']],
        ['Add', ['moved', 'same'], ['y']],
      ],
    }),
    runtime,
  );
  expect([...constants.keys()]).toEqual(['width', 'scale']);
  expect(constants.get('scale')).toMatchObject({ type: 'float32', shape: [], data: Float32Array.of(4) });
});

test('a batch that only the declaration fixes becomes free', async () => {
  const { model, values } = await inferShapes(flattening(1), runtime);
  expect(model.graph.inputs[0].shape).toEqual(['batch', 3, 8, 8]);
  expect(model.graph.outputs[0].shape).toEqual(['batch', 5]);
  expect(values.get('logits')?.shape).toEqual(['batch', 5]);
});

const reshaping = (first: number, second: number, batch = 1, allowzero = 0) =>
  smallModel({
    inputs: { image: [batch, 3, 2, 2] },
    outputs: { logits: [batch, 5] },
    initializers: { fc: weights([12, 5]), target: ints(first, second) },
    nodes: [
      ['Relu', ['image'], ['relu']],
      ['Reshape', ['relu', 'target'], ['flat'], { allowzero }],
      ['MatMul', ['flat', 'fc'], ['logits']],
    ],
  });

test.each([
  [1, 12, 1, -1, 0],
  [1, -1, 1, 0, 0],
  [2, 12, 2, -1, 0],
  // As torch.onnx.export writes it with dynamo=True.
  [1, 12, 1, -1, 1],
  [1, -1, 1, 0, 1],
])('Reshape to [%i, %i] no longer fixes the batch', async (first, second, batch, freed, allowzero) => {
  const source = reshaping(first, second, batch, allowzero);
  const { model, values } = await inferShapes(source, runtime);
  expect(values.get('logits')?.shape).toEqual(['batch', 5]);
  const target = model.graph.initializers.get(model.graph.nodes[1].inputs[1]);
  expect(target?.data).toEqual(BigInt64Array.of(BigInt(freed), BigInt(second)));
  expect(source.graph.initializers.get('target')?.data).toEqual(BigInt64Array.of(BigInt(first), BigInt(second)));
});

test('a class token is repeated for each sample', async () => {
  const source = smallModel({
    inputs: { x: [1, 3, 4] },
    outputs: { y: [1, 20] },
    initializers: { token: weights([1, 1, 4]), factor: weights([4]), one: weights([1, 1, 4]), target: ints(1, 20) },
    nodes: [
      ['Mul', ['token', 'factor'], ['scaled']],
      ['Concat', ['scaled', 'x', 'one'], ['tokens'], { axis: 1 }],
      ['Reshape', ['tokens', 'target'], ['y']],
    ],
  });
  const { values } = await inferShapes(source, runtime);
  expect(values.get('tokens')?.shape).toEqual(['batch', 5, 4]);
  expect(values.get('y')?.shape).toEqual(['batch', 20]);
});

test('inference refuses a model whose samples depend on each other', async () => {
  const mixing = smallModel({
    inputs: { x: [1, 4] },
    outputs: { y: [1, 4] },
    initializers: { over: ints(0) },
    nodes: [
      ['ReduceMean', ['x'], ['mean'], { axes: [0], keepdims: 1 }],
      ['Sub', ['x', 'mean'], ['y']],
    ],
  });
  expect((await rejection(inferShapes(mixing, runtime))).line).toMatch(/batches of 1 only: .*"y".*dynamic/);
});

test('an unknown image size is an error, and a given size is used', async () => {
  const open = smallModel({
    inputs: { pixel_values: ['N', 3, 'height', 'width'] },
    outputs: { y: ['N', 2, null, null] },
    initializers: { w: weights([2, 3, 3, 3]) },
    nodes: [['Conv', ['pixel_values', 'w'], ['y']]],
  });
  expect((await rejection(inferShapes(open, runtime))).line).toContain('--input pixel_values:batchx3x224x224');
  const { values } = await inferShapes(open, runtime, { inputs: { pixel_values: ['batch', 3, 10, 12] } });
  expect(values.get('y')?.shape).toEqual(['batch', 2, 8, 10]);
  const wrong = inferShapes(open, runtime, { inputs: { pixel_values: ['batch', 1, 10, 12] } });
  expect((await rejection(wrong)).code).toBe('bad-config');
  expect((await rejection(inferShapes(open, runtime, { inputs: { image: ['batch'] } }))).line).toContain(
    'pixel_values',
  );
});

test('text keeps a symbolic length', async () => {
  const text = smallModel({
    inputs: { input_ids: ['batch_size', 'sequence'], attention_mask: ['batch_size', 'sequence'] },
    outputs: { y: ['batch_size', 4] },
    types: { input_ids: 'int64', attention_mask: 'int64' },
    initializers: { table: weights([10, 4]), cls: weights([1, 1, 4]), last: ints(-1), merged: ints(-1, 4) },
    nodes: [
      ['Gather', ['table', 'input_ids'], ['embedded']],
      ['Cast', ['attention_mask'], ['mask'], { to: 1 }],
      ['Unsqueeze', ['mask', 'last'], ['column']],
      ['Mul', ['embedded', 'column'], ['masked']],
      ['Concat', ['masked', 'masked'], ['twice'], { axis: 1 }],
      ['Reshape', ['masked', 'merged'], ['rows']],
      ['ReduceSum', ['twice'], ['y'], { keepdims: 0 }],
    ],
    opset: 13,
  });
  const { values } = await inferShapes(text, runtime);
  expect(values.get('column')?.shape).toEqual(['batch', 'sequence', 1]);
  expect(values.get('twice')?.shape).toEqual(['batch', '2*sequence', 4]);
  expect(values.get('rows')?.shape).toEqual(['batch*sequence', 4]);
});

test('inference measures a graph with more samples if the graph squeezes a single one away', async () => {
  const squeezing = smallModel({
    inputs: { x: ['N', 4, 1] },
    outputs: { y: ['N', 4] },
    nodes: [['Squeeze', ['x'], ['y']]],
  });
  expect((await inferShapes(squeezing, runtime)).values.get('y')?.shape).toEqual(['batch', 4]);
});

test('a model with a fixed batch that cannot run gives the reason', async () => {
  const broken = smallModel({
    inputs: { x: [1, 4] },
    outputs: { y: [1, 4] },
    nodes: [['NoSuchOperator', ['x'], ['y']]],
  });
  expect((await rejection(inferShapes(broken, runtime))).line).toMatch(
    /^ONNX Runtime does not know the operator NoSuchOperator/,
  );
});

test('an error names the node that cannot run', async () => {
  const broken = smallModel({
    inputs: { x: ['N', 4] },
    outputs: { y: ['N', 4] },
    initializers: { target: ints(3, 4) },
    nodes: [['Reshape', ['x', 'target'], ['y'], {}, 'to three rows']],
  });
  expect((await rejection(inferShapes(broken, runtime))).line).toContain('to three rows');
});

test('the pads that a real export computes are known', async () => {
  const model = readModel(loadNetwork('swin-torchscript').model);
  const { values, constants } = await inferShapes(model, runtime);
  const pads = model.graph.nodes.filter(({ op }) => op === 'Pad').map(({ inputs }) => inputs[1]);
  expect(pads.filter((name) => constants.has(name) && !model.graph.initializers.has(name)).length).toBe(5);
  expect(values.get(model.graph.outputs[0].name)?.shape).toEqual(['batch', 10]);
});
