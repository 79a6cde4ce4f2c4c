import { describe, expect, it } from 'vitest';
import { differentiate } from '../../../src/compiler/autodiff/index.ts';
import { lower, poolFirst } from '../../../src/compiler/kernels/index.ts';
import type { TypedGraph } from '../../../src/compiler/kernels/selection.ts';
import { GraphBuilder, type Node, pooledShape, type Typed, type Value, writeModel } from '../../../src/onnx/index.ts';
import { nodeRuntime } from '../../../src/runtime/node/sessions.ts';
import { random } from './harness.ts';

const runtime = nodeRuntime('cpu', { intraOpNumThreads: 1 });
const pads = [1, 1, 1, 1];

const pool = (b: GraphBuilder, x: Value): Value => {
  const [n, c, ...spatial] = x.shape;
  const out = pooledShape(spatial as number[], [3, 3], { strides: [2, 2], pads });
  const output = { type: x.type, shape: [n, c, ...out] };
  return b.emit('MaxPool', [x], [output], { kernel_shape: [3, 3], strides: [2, 2], pads })[0];
};

type Write = (b: GraphBuilder, x: Value) => readonly Value[];

/** The graph that `write` builds from x `[2, 3, 7, 6]`. */
function graphOf(write: Write): TypedGraph {
  const b = new GraphBuilder();
  const x = b.input('x', 'float32', [2, 3, 7, 6]);
  const graph = b.graph('test', [x], write(b, x));
  const names = ['x', ...graph.nodes.flatMap((node) => node.outputs), ...graph.initializers.keys()];
  return { graph, values: new Map<string, Typed>(names.map((name) => [name, b.value(name)])) };
}

const operators = ({ graph }: TypedGraph) => graph.nodes.map(({ op }) => op).filter((op) => /Relu|MaxPool/.test(op));

/** The pooled map and ∂x of Σ sin(pooled). */
async function resultsOf({ graph, values }: TypedGraph) {
  const b = new GraphBuilder();
  const x = b.input('x', 'float32', values.get('x')!.shape);
  for (const node of graph.nodes) {
    for (const name of node.outputs) b.declare({ name, ...values.get(name)! });
    b.append(node);
  }
  const pooled = b.value(graph.outputs[0].name);
  const gradient = differentiate(b, b.reduceSum(b.unary('Sin', pooled)), ['x']).get('x')!;
  lower(b, [pooled.name, gradient.name]);
  const outputs = [pooled, b.value(gradient.name)];
  const opsets = { '': 18, 'com.microsoft': 1 };
  const model = { irVersion: 9, opsets, producerName: '', producerVersion: '', metadata: {} };
  const session = await runtime.load(writeModel({ ...model, graph: b.graph('test', [x], outputs) }));
  // Includes ties, zeros, and windows without a positive element.
  const drawn = random(1, [2, 3, 7, 6]);
  const data = (drawn.data as Float32Array).map((v) => Math.round(3 * v - 1));
  const found = await session.run({ x: { ...drawn, data } });
  await session.release();
  // The sign of a zero does not matter here.
  return outputs.map(({ name }) => Array.from(found[name].data as Float32Array, (v) => v + 0));
}

describe('pooling moves before a ReLU', () => {
  it('with the same results and gradients, to the bit', async () => {
    const before = graphOf((b, x) => [pool(b, b.unary('Relu', x))]);
    const after = poolFirst(before, [], () => true);
    expect(operators(before)).toEqual(['Relu', 'MaxPool']);
    expect(operators(after)).toEqual(['MaxPool', 'Relu']);
    const [y, dx] = await resultsOf(after);
    expect([y, dx]).toEqual(await resultsOf(before));
    expect(dx.some((v) => v !== 0) && y.includes(0)).toBe(true);
  });

  it.each<[string, Write, readonly string[], (node: Node) => boolean]>([
    [
      'the other map is read as well',
      (b, x) => [b.unary('Relu', x)].flatMap((y) => [pool(b, y), b.neg(y)]),
      [],
      () => true,
    ],
    ['it is an output', (b, x) => [b.unary('Relu', x)].flatMap((y) => [pool(b, y), y]), [], () => true],
    ['it is read by its name', (b, x) => [pool(b, b.unary('Relu', x))], ['relu'], () => true],
    ['a node may not be taken for another', (b, x) => [pool(b, b.unary('Relu', x))], [], ({ op }) => op !== 'Relu'],
  ])('but not if %s', (_, write, whole, free) => {
    const before = graphOf(write);
    expect(operators(poolFirst(before, whole, free))).toEqual(['Relu', 'MaxPool']);
  });
});
