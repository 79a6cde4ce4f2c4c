import { describe, expect, test } from 'vitest';
import {
  dependents,
  differentiate,
  type Recall,
  recomputed,
  recomputedFreely,
} from '../../../src/compiler/autodiff/index.ts';
import { lower, prune } from '../../../src/compiler/kernels/index.ts';
import { graphMemory } from '../../../src/compiler/step/index.ts';
import { GraphBuilder, type Model, type Node, type Tensor, type Value, writeModel } from '../../../src/onnx/index.ts';
import { nodeRuntime } from '../../../src/runtime/node/sessions.ts';
import { weights } from '../../small-models.ts';

const [TOKENS, WIDTH, HEADS] = [7, 128, 2];
const BLOCKS = 6;
type Passes = Parameters<typeof recomputed>[1];

const SHAPES: Readonly<Record<string, readonly number[]>> = Object.fromEntries(
  Array.from({ length: BLOCKS }, (_, i) => [
    [`${i}.norm1`, [WIDTH]],
    [`${i}.qkv`, [WIDTH, 3 * WIDTH]],
    [`${i}.proj`, [WIDTH, WIDTH]],
    [`${i}.norm2`, [WIDTH]],
    [`${i}.fc1`, [WIDTH, 4 * WIDTH]],
    [`${i}.fc2`, [4 * WIDTH, WIDTH]],
  ]).flat() as [string, number[]][],
);

/** Blocks of a vision transformer for any number of images, and the mean square of their output. */
function place(b: GraphBuilder) {
  const x = b.input('x', 'float32', ['N', TOKENS, WIDTH]);
  const w = Object.fromEntries(Object.entries(SHAPES).map(([name, shape]) => [name, b.input(name, 'float32', shape)]));
  const normalized = (value: Value, scale: Value) =>
    b.emit('LayerNormalization', [value, scale], [value], { axis: -1 })[0];
  let sum: Value = x;
  for (let i = 0; i < BLOCKS; i++) {
    const projected = b.matmul(normalized(sum, w[`${i}.norm1`]), w[`${i}.qkv`]);
    const heads = b.transpose(b.reshape(projected, ['N', TOKENS, 3, HEADS, WIDTH / HEADS]), [2, 0, 3, 1, 4]);
    const parts = b.emit(
      'Split',
      [heads],
      [0, 1, 2].map(() => ({ type: heads.type, shape: [1, ...heads.shape.slice(1)] })),
      { axis: 0, num_outputs: 3 },
    );
    const [q, k, v] = parts.map((part) => b.squeeze(part, [0]));
    const looked = b.matmul(b.softmax(b.fusedMatMul(q, k, { transB: true, alpha: 0.1 })), v);
    const joined = b.reshape(b.transpose(looked, [0, 2, 1, 3]), ['N', TOKENS, WIDTH]);
    sum = b.add(sum, b.matmul(joined, w[`${i}.proj`]));
    const hidden = b.matmul(normalized(sum, w[`${i}.norm2`]), w[`${i}.fc1`]);
    const active = b.emit('Gelu', [hidden], [hidden], {}, { domain: 'com.microsoft' })[0];
    sum = b.add(sum, b.matmul(active, w[`${i}.fc2`]));
  }
  return { inputs: [x, ...Object.values(w)], loss: b.reduceMean(b.square(sum)) };
}

/**
 * The gradients of all trainable parameters. The backward pass either keeps the values that it reads or recomputes some
 * of them.
 */
function gradientsOf(
  choose?: (b: GraphBuilder, passes: Passes) => Recall | undefined,
  write: typeof place = place,
  names: readonly string[] = Object.keys(SHAPES),
) {
  const b = new GraphBuilder();
  const { inputs, loss } = write(b);
  const forward = [...b.nodes];
  let gradients = differentiate(b, loss, names);
  if (choose) {
    const backward = b.nodes.slice(forward.length);
    const recall = choose(b, { forward, backward, data: ['x'], active: dependents(b, forward, names) });
    b.restart();
    b.nodes = [...forward];
    gradients = differentiate(b, loss, names, { recall });
  }
  const outputs = names.map((name) => b.identity(gradients.get(name)!, `${name}.grad`));
  const wanted = outputs.map(({ name }) => name);
  lower(b, wanted);
  prune(b, wanted);
  const graph = b.graph('gradients', inputs, outputs);
  const typeOf = (name: string) => (b.has(name) ? b.value(name) : undefined);
  return { graph, memory: graphMemory(graph, typeOf, { N: 16 }).values };
}

const kept = gradientsOf();
const free = gradientsOf(recomputedFreely);
const all = gradientsOf(recomputed);
const count = (nodes: readonly Node[], op: string) => nodes.filter((node) => node.op === op).length;

const readers = (nodes: readonly Node[], name: string, op: string) =>
  nodes.filter((node) => node.op === op && node.inputs.includes(name)).length;

describe('recomputation in a transformer', () => {
  test('by default covers the outputs of normalizations and activations that dense layers read', () => {
    expect(count(free.graph.nodes, 'LayerNormalization')).toBe(2 * 2 * BLOCKS);
    expect(count(free.graph.nodes, 'Gelu')).toBe(2 * BLOCKS);
    for (const op of ['Softmax', 'Split', 'MatMul'])
      expect(count(free.graph.nodes, op)).toBe(count(kept.graph.nodes, op));
    expect(free.memory).toBeLessThan(0.85 * kept.memory);
  });

  test('on request covers all values between the sums, but no sum', () => {
    expect(count(all.graph.nodes, 'Softmax')).toBe(2 * BLOCKS);
    const products = (layer: string) => readers(all.graph.nodes, layer, 'MatMul');
    expect([products('1.fc1'), products('2.qkv')]).toEqual([2, 2]);
    expect([products('1.proj'), products('1.fc2')]).toEqual([1, 1]);
    expect(all.memory).toBeLessThan(0.5 * free.memory);
  });

  test('keeps the gradients identical to the bit', async () => {
    const feeds = Object.fromEntries(
      [['x', [3, TOKENS, WIDTH]] as const, ...Object.entries(SHAPES)].map(([name, shape], i) => [
        name,
        weights(shape, i),
      ]),
    );
    const expected = await run(kept.graph, feeds);
    expect(await run(free.graph, feeds)).toEqual(expected);
    expect(await run(all.graph, feeds)).toEqual(expected);
    expect((expected['0.qkv.grad'] as Float32Array).some((value) => value !== 0)).toBe(true);
  });
});

async function run(graph: Model['graph'], feeds: Record<string, Tensor>) {
  const model = {
    irVersion: 8,
    opsets: { '': 18, 'com.microsoft': 1 },
    producerName: '',
    producerVersion: '',
    metadata: {},
    graph,
  };
  const session = await nodeRuntime().load(writeModel(model));
  const results = await session.run(feeds);
  await session.release();
  return Object.fromEntries(graph.outputs.map(({ name }) => [name, results[name].data]));
}

test.each([
  ['what costs next to nothing', recomputedFreely],
  ['what costs little', recomputed],
] as const)('the backward pass splits a weight again if it recomputes %s', async (_, choose) => {
  const split = (b: GraphBuilder) => {
    const [x, w] = [b.input('x', 'float32', ['N', 3, 4]), b.input('w', 'float32', [4, 8])];
    const half = { type: w.type, shape: [4, 4] };
    const [left, right] = b.emit('Split', [w], [half, half], { axis: 1, num_outputs: 2 });
    return { inputs: [x, w], loss: b.reduceMean(b.square(b.matmul(b.matmul(x, left), right))) };
  };
  const [once, anew] = [gradientsOf(undefined, split, ['w']), gradientsOf(choose, split, ['w'])];
  expect([once, anew].map(({ graph }) => count(graph.nodes, 'Split'))).toEqual([1, 2]);
  const feeds = { x: weights([5, 3, 4], 1), w: weights([4, 8], 2) };
  expect(await run(anew.graph, feeds)).toEqual(await run(once.graph, feeds));
});
