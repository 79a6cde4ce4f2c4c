import { describe, expect, it } from 'vitest';
import { differentiate } from '../../../src/compiler/autodiff/index.ts';
import { lower, prune, stacksBySample } from '../../../src/compiler/kernels/index.ts';
import { GraphBuilder, type Shape, subgraphs, type Value, writeModel } from '../../../src/onnx/index.ts';
import { nodeRuntime } from '../../../src/runtime/node/sessions.ts';
import { deviation, random } from './harness.ts';

const runtime = nodeRuntime('cpu', { intraOpNumThreads: 1 });

type Write = (b: GraphBuilder, operands: readonly Value[]) => readonly Value[];

/** Queries, keys and values of four heads, and a term added to the scores of all samples. */
const shapesOf = (rows: number, batch: number | string = 'N'): readonly Shape[] => [
  ...Array(3).fill([batch, 4, rows, 3]),
  [rows, rows],
];
const NAMES = ['q', 'k', 'v', 'mask'];
const LARGE = shapesOf(184);

/** The graph of the results and, if requested, the gradients of Σ sin(first), with or without computation by sample. */
function written(write: Write, shapes: readonly Shape[], bySample: boolean, backward = true) {
  const b = new GraphBuilder();
  const inputs = NAMES.map((name, i) => b.input(name, 'float32', shapes[i]));
  const results = write(b, inputs);
  const gradients = backward ? differentiate(b, b.reduceSum(b.unary('Sin', results[0])), NAMES) : new Map();
  const outputs = [...results, ...gradients.values()];
  const wanted = outputs.map(({ name }) => name);
  lower(b, wanted);
  prune(b, wanted);
  if (bySample) stacksBySample(b, wanted);
  return { nodes: b.nodes, graph: b.graph('test', inputs, outputs) };
}

async function compute(write: Write, shapes: readonly Shape[], bySample: boolean) {
  const { graph } = written(write, shapes, bySample);
  const opsets = { '': 18, 'com.microsoft': 1 };
  const session = await runtime.load(
    writeModel({ irVersion: 9, opsets, producerName: '', producerVersion: '', metadata: {}, graph }),
  );
  const feeds = NAMES.map(
    (name, i) =>
      [
        name,
        random(
          i,
          shapes[i].map((d) => (d === 'N' ? 3 : Number(d))),
        ),
      ] as const,
  );
  const found = await session.run(Object.fromEntries(feeds));
  await session.release();
  return graph.outputs.map(({ name }) => found[name]);
}

const loops = (write: Write, shapes = LARGE, backward = true) =>
  written(write, shapes, true, backward).nodes.flatMap((node) =>
    node.op === 'Scan' ? [subgraphs(node)[0].nodes.map(({ op }) => op)] : [],
  );

const scores = (b: GraphBuilder, q: Value, k: Value) => b.fusedMatMul(q, k, { transB: true, alpha: 0.5 });
const attention: Write = (b, [q, k, v, mask]) => {
  const weights = b.softmax(b.add(scores(b, q, k), mask));
  return [b.matmul(weights, v), weights];
};

describe('stacks of large matrices are multiplied sample by sample', () => {
  it('together with the operators between them, forward and backward', () => {
    const [forward, backward] = loops(attention);
    expect(forward).toEqual(['FusedMatMul', 'Add', 'Softmax', 'MatMul']);
    expect(backward.toSorted()).toEqual([
      ...Array(4).fill('FusedMatMul'),
      'Mul',
      'Mul',
      'ReduceSum',
      'ReduceSum',
      'Sub',
    ]);
    expect(loops(attention)).toHaveLength(2);
  });

  it.each<[string, Write]>([
    ['attention, whose weights are a result', attention],
    ['attention without a mask', (b, [q, k, v]) => [b.matmul(b.softmax(scores(b, q, k)), v)]],
    [
      'scores that are read by what mixes samples, and read that again',
      (b, [q, k, v]) => {
        const s = scores(b, q, k);
        return [b.matmul(b.softmax(b.mul(s, b.reduceMean(s, [0], { keepdims: true }))), v)];
      },
    ],
    [
      'two clusters, each of which reads the other',
      (b, [q, k, v]) => {
        const mixed = (x: Value) => b.reduceMean(x, [0], { keepdims: true });
        const [s, t] = [scores(b, q, k), scores(b, k, v)];
        return [b.add(b.matmul(b.mul(s, mixed(t)), v), b.matmul(b.mul(t, mixed(s)), q))];
      },
    ],
  ])('%s: with the same results and gradients', async (_, write) => {
    expect(loops(write)).not.toEqual([]);
    const expected = await compute(write, LARGE, false);
    (await compute(write, LARGE, true)).forEach((result, i) => {
      expect(result.shape).toEqual(expected[i].shape);
      expect(deviation(result, Float64Array.from(expected[i].data as Float32Array))).toBeLessThan(1e-6);
    });
  });

  it.each<[string, Write, (readonly Shape[])?]>([
    ['they are small', attention, shapesOf(90)],
    ['the batch is of a known size', attention, shapesOf(184, 2)],
    ['samples are mixed', (b, [q, k]) => [b.softmax(scores(b, q, k), 0)]],
    ['nothing is computed of them', (b, [q, k]) => [scores(b, q, k)]],
    ['the sum is of samples', (b, [q, k]) => [b.reduceSum(scores(b, q, k), [0, 1])]],
  ])('but not if %s', (_, write, shapes) => expect(loops(write, shapes, false)).toEqual([]));
});
