import { describe, expect, it } from 'vitest';
import { differentiate } from '../../../src/compiler/autodiff/index.ts';
import { lower, separateProjections, type TypedGraph } from '../../../src/compiler/kernels/index.ts';
import { GraphBuilder, type Node, type Shape, type Typed, type Value, writeModel } from '../../../src/onnx/index.ts';
import { nodeRuntime } from '../../../src/runtime/node/sessions.ts';
import { deviation, random } from './harness.ts';

const runtime = nodeRuntime('cpu', { intraOpNumThreads: 1 });

/** x, a weight for three projections with two heads of four columns, and its bias. */
const SHAPES: Readonly<Record<string, Shape>> = { x: ['N', 5, 6], w: [6, 24], c: [24] };

type Write = (b: GraphBuilder, x: Value, w: Value, c: Value) => readonly Value[];

function graphOf(write: Write): TypedGraph {
  const b = new GraphBuilder();
  const inputs = Object.entries(SHAPES).map(([name, shape]) => b.input(name, 'float32', shape));
  const [x, w, c] = inputs;
  const graph = b.graph('test', inputs, write(b, x, w, c));
  const names = [
    ...Object.keys(SHAPES),
    ...graph.nodes.flatMap(({ outputs }) => outputs),
    ...graph.initializers.keys(),
  ];
  return { graph, values: new Map<string, Typed>(names.map((name) => [name, b.value(name)])) };
}

const apart = (b: GraphBuilder, y: Value, parts = 3) => b.reshape(y, ['N', 5, parts, 2, 12 / parts]);
const permuted = (b: GraphBuilder, y: Value) => b.transpose(apart(b, y), [2, 0, 3, 1, 4]);
const affine = (b: GraphBuilder, x: Value, w: Value, c: Value) => permuted(b, b.add(b.matmul(x, w), c));

const split = (b: GraphBuilder, y: Value, at = 0): readonly Value[] => {
  const part = { type: y.type, shape: y.shape.map((d, i) => (i === at ? 1 : d)) };
  return b.emit('Split', [y], [part, part, part], { axis: at, num_outputs: 3 });
};
const squeezed = (b: GraphBuilder, parts: readonly Value[]) => parts.map((part) => b.squeeze(part, [0]));

/** Attention, where no input can replace another: scores, and the weighted values. */
const attention = (b: GraphBuilder, [q, k, v]: readonly Value[]): readonly Value[] => [
  b.matmul(b.softmax(b.matmul(q, b.transpose(k, [0, 1, 3, 2]))), v),
];

/** The result and ∂x, ∂w, ∂c of Σ sin(result). */
async function resultsOf({ graph, values }: TypedGraph) {
  const b = new GraphBuilder();
  const inputs = Object.entries(SHAPES).map(([name, shape]) => b.input(name, 'float32', shape));
  for (const [name, contents] of graph.initializers) b.initializer(name, contents);
  for (const node of graph.nodes) {
    for (const name of node.outputs) b.declare({ name, ...values.get(name)! });
    b.append(node);
  }
  const result = b.value(graph.outputs[0].name);
  const gradients = differentiate(b, b.reduceSum(b.unary('Sin', result)), Object.keys(SHAPES));
  const outputs = [result, ...gradients.values()];
  lower(
    b,
    outputs.map(({ name }) => name),
  );
  const opsets = { '': 18, 'com.microsoft': 1 };
  const model = { irVersion: 9, opsets, producerName: '', producerVersion: '', metadata: {} };
  const session = await runtime.load(writeModel({ ...model, graph: b.graph('test', inputs, outputs) }));
  const feeds = Object.entries(SHAPES).map(
    ([name, shape], i) =>
      [
        name,
        random(
          i,
          shape.map((d) => (d === 'N' ? 3 : Number(d))),
        ),
      ] as const,
  );
  const found = await session.run(Object.fromEntries(feeds));
  await session.release();
  return outputs.map(({ name }) => found[name]);
}

const everyNode = () => true;
const weightsOf = ({ graph, values }: TypedGraph) =>
  graph.nodes
    .filter(({ op, inputs }) => op === 'MatMul' && inputs[0] === 'x')
    .map(({ inputs }) => values.get(inputs[1])!.shape);

describe('a product that is split into parts becomes several products', () => {
  it.each<[string, Write]>([
    ['by Split and Squeeze', (b, x, w, c) => attention(b, squeezed(b, split(b, affine(b, x, w, c))))],
    ['without a bias', (b, x, w) => attention(b, squeezed(b, split(b, permuted(b, b.matmul(x, w)))))],
    [
      'with the bias on the left',
      (b, x, w, c) => attention(b, squeezed(b, split(b, permuted(b, b.add(c, b.matmul(x, w)))))),
    ],
    [
      'by Slice, the parts in another order',
      (b, x, w, c) => {
        const y = affine(b, x, w, c);
        return attention(
          b,
          squeezed(
            b,
            [2, -3, 1].map((i) => b.slice(y, 0, i, i === -3 ? -2 : i + 1)),
          ),
        );
      },
    ],
    [
      'by Gather',
      (b, x, w, c) => {
        const y = affine(b, x, w, c);
        return attention(
          b,
          [0, 1, -1].map((i) => b.gather(y, b.scalar(i, 'int64'))),
        );
      },
    ],
    [
      'where the axis of the parts stays',
      (b, x, w, c) => {
        const [q, k, v] = split(b, affine(b, x, w, c));
        return [b.mul(b.add(q, k), v)];
      },
    ],
    [
      'where the parts lie along an inner axis',
      (b, x, w, c) => {
        const y = b.transpose(apart(b, b.add(b.matmul(x, w), c)), [0, 3, 2, 1, 4]);
        return attention(
          b,
          split(b, y, 2).map((part) => b.squeeze(part, [2])),
        );
      },
    ],
  ])('%s', async (_, write) => {
    const before = graphOf(write);
    const after = separateProjections(before, before.graph.initializers, [], everyNode);
    expect(weightsOf(before)).toEqual([[6, 24]]);
    expect(weightsOf(after)).toEqual([
      [6, 8],
      [6, 8],
      [6, 8],
    ]);
    expect(after.graph.nodes.filter(({ op, inputs }) => op === 'Split' && !'wc'.includes(inputs[0]))).toEqual([]);
    const expected = await resultsOf(before);
    (await resultsOf(after)).forEach((result, i) => {
      expect(result.shape).toEqual(expected[i].shape);
      expect(deviation(result, Float64Array.from(expected[i].data as Float32Array))).toBeLessThan(1e-6);
    });
  });

  const plain: Write = (b, x, w, c) => squeezed(b, split(b, affine(b, x, w, c)));

  it.each<[string, Write, (readonly string[])?, ((node: Node) => boolean)?]>([
    ['another axis is taken apart', (b, x, w, c) => [b.slice(affine(b, x, w, c), 2, 0, 1)]],
    ['a reader takes two parts', (b, x, w, c) => [b.slice(affine(b, x, w, c), 0, 0, 2)]],
    [
      'a part is read twice',
      (b, x, w, c) => [affine(b, x, w, c)].flatMap((y) => [b.slice(y, 0, 1, 2), b.gather(y, b.scalar(1, 'int64'))]),
    ],
    ['the whole is read as well', (b, x, w, c) => [affine(b, x, w, c)].flatMap((y) => [...split(b, y), b.neg(y)])],
    ['the whole is an output', (b, x, w, c) => [affine(b, x, w, c)].flatMap((y) => [...split(b, y), y])],
    [
      'the product is read as well',
      (b, x, w) => [b.matmul(x, w)].flatMap((y) => [...split(b, permuted(b, y)), b.neg(y)]),
    ],
    [
      'what is added varies',
      (b, x, w, c) => split(b, permuted(b, b.add(b.matmul(x, w), b.matmul(b.neg(x), b.mul(w, c))))),
    ],
    ['there is no product', (b, x, _, c) => split(b, permuted(b, b.add(b.concat([x, x, x, x], 2), c)))],
    ['the product is read by its name', plain, ['matmul']],
    ...['MatMul', 'Add', 'Reshape', 'Transpose', 'Split'].map(
      (op) => [`${op} may not be taken for another`, plain, [], (node: Node) => node.op !== op] as const,
    ),
  ] as [string, Write, (readonly string[])?, ((node: Node) => boolean)?][])(
    'but not if %s',
    (_, write, whole = [], free = everyNode) => {
      const before = graphOf(write);
      expect(separateProjections(before, before.graph.initializers, whole, free)).toEqual(before);
    },
  );
});
