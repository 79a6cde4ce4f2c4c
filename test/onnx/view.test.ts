import { describe, expect, it, test } from 'vitest';
import { type Graph, GraphView, makeNode, Rewriter, tensor } from '../../src/onnx/index.ts';

const number = (value: number) => tensor('float32', [], Float32Array.of(value));

const branch: Graph = {
  name: 'branch',
  nodes: [makeNode('Neg', ['c'], ['inner'])],
  inputs: [],
  outputs: [{ name: 'inner' }],
  initializers: new Map(),
  valueInfo: [],
};

/** a = −x, b = a + w, c = copy of b, d = 2 (a node), y = if (x) −c, z = c · d */
const graph: Graph = {
  name: 'test',
  nodes: [
    makeNode('Neg', ['x'], ['a']),
    makeNode('Add', ['a', 'w'], ['b']),
    makeNode('Identity', ['b'], ['c']),
    makeNode('Constant', [], ['d'], { value: number(2) }),
    makeNode('If', ['x'], ['y'], { then_branch: branch, else_branch: branch }),
    makeNode('FusedMatMul', ['c', 'd'], ['z'], {}, { domain: 'com.microsoft' }),
  ],
  inputs: [{ name: 'x' }],
  outputs: [{ name: 'y' }, { name: 'z' }],
  initializers: new Map([['w', number(1)]]),
  valueInfo: [],
};
const [neg, add, copy, , choice, product] = graph.nodes;

describe('a view of a graph', () => {
  const view = new GraphView(graph, { constants: new Map([['a', number(3)]]), named: ['b'] });

  it.each([
    ['a', neg],
    ['b', add],
    ['x', undefined],
    ['w', undefined],
  ])('finds the node that computes %s', (name, node) => expect(view.producer(name)).toBe(node));

  it.each([
    ['x', [neg, choice], undefined],
    ['a', [add], add],
    // A subgraph reads it by name as well.
    ['b', [copy], undefined],
    // Also read inside a subgraph.
    ['c', [choice, product], undefined],
    ['z', [], undefined],
  ])('finds the readers of %s', (name, readers, only) => {
    expect(view.readers(name)).toEqual(readers);
    expect(view.onlyReader(name)).toBe(only);
  });

  it.each([
    ['a', neg],
    ['b', undefined],
    ['c', undefined],
    ['w', undefined],
  ])('finds the standard node that computes %s if a single node reads its result', (name, node) =>
    expect(view.inner(name)).toBe(node),
  );

  it.each([
    ['w', 1],
    ['d', 2],
    ['a', 3],
    ['b', undefined],
  ])('knows the contents of %s', (name, contents) => expect(view.constant(name)?.data[0]).toBe(contents));

  it('knows types, positions, outputs, and the source of a copy', () => {
    expect(view.typeOf('w')).toMatchObject({ type: 'float32', shape: [] });
    expect(view.typeOf('b')).toBeUndefined();
    expect(new GraphView(graph, { values: new Map([['b', number(0)]]) }).typeOf('b')).toMatchObject({ shape: [] });
    expect([neg, product].map((node) => view.place(node))).toEqual([0, 5]);
    expect(['y', 'b', 'a'].map((name) => view.isOutput(name))).toEqual([true, true, false]);
    expect(['c', 'a', 'x'].map((name) => view.original(name))).toEqual(['b', 'a', 'x']);
    expect(view.through('c', ({ op }) => op !== 'Neg')).toBe('a');
    expect(view.through('c', () => true, 1)).toBe('b');
  });
});

test('a rewriter gives nodes and constants free names, also with respect to subgraphs', () => {
  const rewriter = new Rewriter(graph, new Map([['b', number(0)]]));
  rewriter.nodes.push(neg);
  const two = rewriter.ints('w', [2]);
  const inner = rewriter.fresh('inner', { type: 'float32', shape: ['N'] });
  expect([two, inner, rewriter.fresh('b'), rewriter.fresh('new')]).toEqual(['w_1', 'inner_1', 'b_1', 'new']);
  expect(rewriter.emit('ReduceSum', ['a', two], inner, { keepdims: 0 })).toBe(inner);
  expect(rewriter.graph).toMatchObject({ name: 'test', inputs: graph.inputs, outputs: graph.outputs });
  expect(rewriter.graph.nodes).toEqual([
    neg,
    {
      name: 'ReduceSum/inner_1',
      op: 'ReduceSum',
      domain: '',
      inputs: ['a', 'w_1'],
      outputs: ['inner_1'],
      attributes: { keepdims: { kind: 'int', value: 0 } },
    },
  ]);
  expect([...rewriter.graph.initializers.keys()]).toEqual(['w', 'w_1']);
  expect([...rewriter.values.keys()]).toEqual(['b', 'inner_1']);
  expect([graph.nodes.length, graph.initializers.size]).toEqual([6, 1]);
});
