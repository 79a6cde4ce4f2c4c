import { describe, expect, test } from 'vitest';
import { differentiability, differentiate } from '../../../src/compiler/autodiff/index.ts';
import { type AttributeLike, GraphBuilder, toAttributes, type Value, writeModel } from '../../../src/onnx/index.ts';
import { nodeRuntime } from '../../../src/runtime/node/sessions.ts';
import { smallModel, tensor } from '../../small-models.ts';

/** Appends a node that the builder has no method for. It has one output, with the shape of its input. */
function append(
  b: GraphBuilder,
  op: string,
  inputs: readonly Value[],
  attributes: Record<string, AttributeLike> = {},
): Value {
  const name = b.unique(op.toLowerCase());
  b.append({
    name: `the ${op}`,
    op,
    domain: '',
    inputs: inputs.map((input) => input.name),
    outputs: [name],
    attributes: toAttributes(attributes),
  });
  return b.declare({ name, type: inputs[0].type, shape: inputs[0].shape });
}

const operators = (b: GraphBuilder, from: number) => b.nodes.slice(from).map(({ op }) => op);

describe('differentiate', () => {
  test('emits no node that only frozen values would need', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', ['batch', 4]);
    const first = b.input('first', 'float32', [4, 4]);
    const second = b.input('second', 'float32', [4, 2]);
    const loss = b.reduceSum(b.matmul(b.tanh(b.matmul(x, first)), second));
    const before = b.nodes.length;
    const gradients = differentiate(b, loss, ['second']);
    expect([...gradients.keys()]).toEqual(['second']);
    expect(operators(b, before).filter((op) => /MatMul|Gemm/.test(op))).toHaveLength(1);
    expect(operators(b, before)).not.toContain('Sub');
  });

  test('omits values that the loss does not depend on', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [2]);
    const unused = b.input('unused', 'float32', [2]);
    b.tanh(unused);
    const gradients = differentiate(b, b.reduceSum(b.square(x)), ['x', 'unused']);
    expect([...gradients.keys()]).toEqual(['x']);
  });

  test('gives the gradient 1 to the loss and to each term added to it', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', []);
    const y = b.input('y', 'float32', []);
    const gradients = differentiate(b, b.add(x, y), ['x', 'y']);
    expect(gradients.get('x')).toBe(gradients.get('y'));
    expect(b.tensorOf(gradients.get('x')!)?.data).toEqual(Float32Array.of(1));
  });

  test('gives zeros to the rows that an export protects from NaN', async () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', ['batch', 3]);
    const weights = b.input('weights', 'float32', ['batch', 3]);
    const scores = append(b, 'Softmax', [x], { axis: -1 });
    const guarded = b.where(b.emit('IsNaN', [scores], [{ type: 'bool', shape: x.shape }])[0], 0, scores);
    const gradient = differentiate(b, b.reduceSum(b.mul(guarded, weights)), ['x']).get('x')!;
    const graph = b.graph('case', [x, weights], [gradient]);
    const model = smallModel({ inputs: {}, outputs: {}, nodes: [], opset: 18 });
    const session = await nodeRuntime('cpu').load(writeModel({ ...model, graph }));
    const [ln2, masked] = [Math.log(2), Number.NEGATIVE_INFINITY];
    const results = await session.run({
      x: { type: 'float32', shape: [2, 3], data: Float32Array.of(ln2, 0, 0, masked, masked, masked) },
      weights: { type: 'float32', shape: [2, 3], data: Float32Array.of(1, 0, 0, 1, 2, 3) },
    });
    await session.release();
    const found = Array.from(results[gradient.name].data as Float32Array);
    for (const [i, expected] of [0.25, -0.125, -0.125, 0, 0, 0].entries()) expect(found[i]).toBeCloseTo(expected, 6);
  });

  test('refuses an operator without a rule and names the node, but only if a gradient must pass it', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [2]);
    const w = b.input('w', 'float32', [2]);
    const loss = b.reduceSum(b.mul(append(b, 'Strange', [x]), w));
    expect([...differentiate(b, loss, ['w']).keys()]).toEqual(['w']);
    expect(() => differentiate(b, loss, ['x'])).toThrowError(
      expect.objectContaining({
        code: 'unsupported-operator',
        message: expect.stringMatching(/Strange node "the Strange"/),
      }),
    );
  });

  test('refuses axes that are unknown at compile time', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [2]);
    const axes = b.input('axes', 'int64', [1]);
    const loss = b.reduceSum(append(b, 'ReduceSum', [x, axes], { keepdims: 1 }));
    expect(() => differentiate(b, loss, ['x'])).toThrowError(/"the ReduceSum".*"axes" is not known when compiling/);
  });

  test('uses contents of computed values from the caller', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [2, 3]);
    const axes = b.input('axes', 'int64', [1]);
    const loss = b.reduceSum(append(b, 'ReduceSum', [x, axes], { keepdims: 1 }));
    const known = new Map([['axes', { type: 'int64', shape: [1], data: BigInt64Array.of(1n) } as const]]);
    expect(differentiate(b, loss, ['x'], { known }).get('x')!.shape).toEqual([2, 3]);
  });

  test('refuses an image of unknown size if the formula depends on the size', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', ['batch', 2, 'height', 'width']);
    const w = b.input('w', 'float32', [2, 2, 3, 3]);
    const y = append(b, 'Conv', [x, w], { auto_pad: 'SAME_UPPER', strides: [2, 2] });
    expect(() => differentiate(b, b.reduceSum(y), ['x'])).toThrowError(
      expect.objectContaining({
        code: 'unsupported-operator',
        message: expect.stringMatching(
          /"the Conv" cannot be differentiated: its strides and auto_pad make its pads depend on a size/,
        ),
      }),
    );
  });

  test('refuses values from a sequence, an optional or an operator without a rule', () => {
    const through = (...nodes: readonly [op: string, inputs: string[], output: string][]) => {
      const b = new GraphBuilder();
      b.input('x', 'float32', [2, 3]);
      // Shape inference handles tensors only, so the values in between have no declaration.
      for (const [op, inputs, output] of nodes) {
        b.append({ name: `the ${op}`, op, domain: '', inputs, outputs: [output], attributes: {} });
      }
      b.declare({ name: 'y', type: 'float32', shape: [2, 3] });
      return () => differentiate(b, b.reduceSum(b.value('y')), ['x']);
    };
    const refuses = (name: string) =>
      expect.objectContaining({
        code: 'unsupported-operator',
        message: expect.stringContaining(`${name} node "the ${name}" cannot be differentiated`),
      });
    expect(through(['SequenceConstruct', ['x'], 's'], ['ConcatFromSequence', ['s'], 'y'])).toThrowError(
      refuses('ConcatFromSequence'),
    );
    expect(through(['Optional', ['x'], 'o'], ['OptionalGetElement', ['o'], 'y'])).toThrowError(
      refuses('OptionalGetElement'),
    );
    expect(through(['DynamicQuantizeLinear', ['x'], 'q'], ['Cast', ['q'], 'y'])).toThrowError(refuses('Cast'));
  });

  test('stops at step functions and integers', () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [2]);
    const whole = b.cast(b.cast(x, 'int64'), 'float32');
    const loss = b.reduceSum(b.add(append(b, 'Floor', [x]), b.add(whole, b.sign(x))));
    expect(differentiate(b, loss, ['x']).size).toBe(0);
  });
});

test('operators have a rule, a gradient of zero, or neither', () => {
  expect(differentiability('Conv')).toBe('rule');
  expect(differentiability('Gelu', 'com.microsoft')).toBe('rule');
  expect(differentiability('Shape')).toBe('zero');
  // Its derivative is zero almost everywhere, but users who train through it need an error.
  expect(differentiability('QLinearConv')).toBe('none');
  expect(differentiability('toString')).toBe('none');
});

// The ONNX standard uses these two functions as examples of its Gradient operator, at a = 1 and b = 2.
test.each([
  ['a + b', (b: GraphBuilder, x: Value, y: Value) => b.add(x, y), [1, 1]],
  ['(a + b)·a', (b: GraphBuilder, x: Value, y: Value) => b.mul(b.add(x, y), x), [4, 1]],
] as const)('%s has the gradient that the ONNX standard gives', async (_, compute, expected) => {
  const b = new GraphBuilder();
  const inputs = ['a', 'b'].map((name) => b.input(name, 'float32', []));
  const gradients = differentiate(b, compute(b, inputs[0], inputs[1]), ['a', 'b']);
  const outputs = ['a', 'b'].map((name) => b.identity(gradients.get(name)!, `${name}.grad`));
  const model = {
    ...smallModel({ nodes: [], inputs: {}, outputs: {}, opset: 18 }),
    graph: b.graph('g', inputs, outputs),
  };
  const session = await nodeRuntime().load(writeModel(model));
  const scalar = (value: number) => tensor('float32', [], () => value);
  const feeds = { a: scalar(1), b: scalar(2) };
  const results = await session.run(Object.fromEntries(session.inputNames.map((name) => [name, feeds[name as 'a']])));
  await session.release();
  expect(outputs.map(({ name }) => results[name].data[0])).toEqual(expected);
});
