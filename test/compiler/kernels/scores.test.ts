import { describe, expect, it } from 'vitest';
import { findScores } from '../../../src/compiler/kernels/index.ts';
import {
  GraphBuilder,
  GraphView,
  type Node,
  plainAttributes,
  type Shape,
  type Typed,
  tensor,
  type Value,
} from '../../../src/onnx/index.ts';

type Write = (b: GraphBuilder, q: Value, k: Value) => Value;

function found(write: Write, free: (node: Node) => boolean = () => true, shape: Shape = ['N', 2, 4, 4]) {
  const b = new GraphBuilder();
  const [q, k] = [b.input('q', 'float32', shape), b.input('k', 'float32', shape)];
  const graph = b.graph('test', [q, k], [write(b, q, k)]);
  const names = ['q', 'k', ...graph.nodes.flatMap(({ outputs }) => outputs)];
  const values = new Map<string, Typed>(names.map((name) => [name, b.value(name)]));
  return [...findScores(new GraphView(graph, { values }), free).values()].map((node) => ({
    ...plainAttributes(node),
    op: node.op,
    inputs: node.inputs,
  }));
}

const swapped = (b: GraphBuilder, x: Value) => b.transpose(x, [0, 1, 3, 2]);
const scores = { op: 'FusedMatMul', inputs: ['q', 'k'], transA: 0, transB: 1 };

describe('a product of scaled and transposed operands becomes one operator', () => {
  it.each<[string, Write, object]>([
    ['(q·c)·(kᵀ·c)', (b, q, k) => b.matmul(b.mul(q, 0.5), b.mul(swapped(b, k), 0.5)), { ...scores, alpha: 0.25 }],
    ['q·(k·c)ᵀ', (b, q, k) => b.matmul(q, swapped(b, b.mul(k, 0.5))), { ...scores, alpha: 0.5 }],
    ['(q/c)·kᵀ', (b, q, k) => b.matmul(b.div(q, 4), swapped(b, k)), { ...scores, alpha: 0.25 }],
    ['qᵀ·k', (b, q, k) => b.matmul(swapped(b, q), k), { ...scores, transA: 1, transB: 0, alpha: 1 }],
    ['q·kᵀᵀ·c', (b, q, k) => b.matmul(q, b.mul(swapped(b, swapped(b, k)), 2)), { ...scores, transB: 0, alpha: 2 }],
  ])('%s', (_, write, expected) => expect(found(write)).toEqual([expected]));

  it.each<[string, Write, Shape?]>([
    ['nothing is to be taken in', (b, q, k) => b.matmul(q, k)],
    ['other axes are moved', (b, q, k) => b.matmul(q, b.transpose(k, [0, 2, 1, 3])), ['N', 4, 4, 4]],
    ['it is divided by', (b, q, k) => b.matmul(q, b.div(b.scalar(2), k))],
    ['the other factor varies', (b, q, k) => b.matmul(q, b.mul(k, q))],
    ['there is no stack', (b, q, k) => b.matmul(q, b.mul(k, 2)), [4, 4]],
  ])('but not if %s', (_, write, shape) => expect(found(write, () => true, shape)).toEqual([]));

  it('but not if the factor trains', () => {
    const b = new GraphBuilder();
    const [q, k] = ['q', 'k'].map((name) => b.input(name, 'float32', ['N', 2, 4, 4]));
    const scale = b.initializer('scale', tensor('float32', [], Float32Array.of(0.5)));
    const graph = b.graph('test', [q, k], [b.matmul(b.mul(q, scale), k)]);
    const values = new Map<string, Typed>(['q', 'k', 'mul'].map((name) => [name, b.value(name)]));
    const operands = (trainable: ReadonlySet<string>) =>
      [...findScores(new GraphView(graph, { values, trainable }), () => true).values()].map(({ inputs }) => inputs);
    expect(operands(new Set())).toEqual([['q', 'k']]);
    expect(operands(new Set(['scale']))).toEqual([]);
  });

  it('but not across a node that must stay', () => {
    const write: Write = (b, q, k) => b.matmul(b.mul(q, 0.5), swapped(b, k));
    expect(found(write, ({ op }) => op !== 'Mul')).toMatchObject([{ transB: 1, alpha: 1 }]);
    expect(found(write, ({ op }) => op !== 'MatMul')).toEqual([]);
  });
});
