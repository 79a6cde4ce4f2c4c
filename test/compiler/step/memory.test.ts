import { describe, expect, test } from 'vitest';
import { graphMemory, type TypeOf } from '../../../src/compiler/step/index.ts';
import { GraphBuilder, type Value } from '../../../src/onnx/index.ts';

/** The memory that a graph needs to compute the outputs that `build` returns. */
function memoryOf(build: (b: GraphBuilder, x: Value) => Value[], batch = 2) {
  const b = new GraphBuilder();
  const x = b.input('x', 'float32', ['batch', 10]);
  const outputs = build(b, x);
  const typeOf: TypeOf = (name) => (b.has(name) ? b.value(name) : undefined);
  return graphMemory(b.graph('g', [x], outputs), typeOf, { batch });
}

/** Bytes of `[2, 10]` floats. */
const ONE = 80;

describe('the values of a graph that live at once', () => {
  test('exclude inputs and outputs, which belong to the caller', () => {
    expect(memoryOf((b, x) => [b.tanh(x)])).toEqual({ values: 0, constants: 0 });
  });

  test('are one buffer for a chain of in-place operators, and two for others', () => {
    expect(memoryOf((b, x) => [b.identity(b.exp(b.tanh(b.sigmoid(x))), 'y')]).values).toBe(ONE);
    const softmax = (b: GraphBuilder, x: Value) => b.softmax(b.softmax(b.softmax(b.softmax(x))));
    expect(memoryOf((b, x) => [b.identity(softmax(b, x), 'y')]).values).toBe(2 * ONE);
  });

  test('include a value until its last reader', () => {
    const build = (b: GraphBuilder, x: Value) => {
      const first = b.softmax(x);
      const last = b.softmax(b.softmax(first));
      return [b.reduceSum(b.mul(first, last))];
    };
    // The first value, and two of the others at a time.
    expect(memoryOf(build).values).toBe(3 * ONE);
    expect(memoryOf(build, 8).values).toBe(4 * 3 * ONE);
  });

  test('exclude a view, but include the value that it shows', () => {
    const build = (b: GraphBuilder, x: Value) => {
      const seen = b.reshape(b.softmax(x), ['batch', 2, 5]);
      return [b.reduceSum(b.softmax(seen))];
    };
    expect(memoryOf(build).values).toBe(2 * ONE);
  });

  test('include, once, values that depend on constants alone', () => {
    const ten = { type: 'float32', shape: [1, 10], data: new Float32Array(10) } as const;
    expect(memoryOf((b, x) => [b.mul(x, b.softmax(b.softmax(b.constant(ten))))])).toEqual({ values: 0, constants: 40 });
  });

  test('follow the order of ONNX Runtime, which starts with the inputs of the last output, not the order in the file', () => {
    const build = (b: GraphBuilder, x: Value) => {
      const [first, second] = [b.softmax(x, 0), b.softmax(x, 1)];
      return [b.reduceSum(first), b.reduceSum(second)];
    };
    expect(memoryOf(build).values).toBe(ONE);
  });
});
