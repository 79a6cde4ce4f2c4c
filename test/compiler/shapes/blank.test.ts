import { describe, expect, it, test } from 'vitest';
import { mayBeBlank } from '../../../src/compiler/shapes/blank.ts';
import { inferShapes } from '../../../src/compiler/shapes/index.ts';
import type { DataType } from '../../../src/onnx/index.ts';
import { nodeRuntime } from '../../../src/runtime/node/sessions.ts';
import { type NodeLine, smallModel, tensor, weights } from '../../small-models.ts';

/** Whether inference can find shapes with zeros in place of `w`. @param types of the values that are not float32 */
const blank = (nodes: readonly NodeLine[], types: Readonly<Record<string, DataType>> = {}): boolean => {
  const { graph } = smallModel({ nodes, inputs: { x: ['n', 8] }, outputs: {} });
  const names = graph.nodes.flatMap(({ outputs }) => outputs);
  return mayBeBlank(graph, new Set(['w']), new Map(names.map((name) => [name, types[name] ?? 'float32'])));
};

describe('inference can find shapes with zeros', () => {
  it.each<[string, readonly NodeLine[], Record<string, DataType>]>([
    [
      'of products and activations',
      [
        ['MatMul', ['x', 'w'], ['y']],
        ['Relu', ['y'], ['z']],
      ],
      {},
    ],
    [
      'if they are reshaped by their own shape',
      [
        ['MatMul', ['x', 'w'], ['y']],
        ['Shape', ['y'], ['s']],
        ['Reshape', ['y', 's'], ['z']],
      ],
      { s: 'int64' },
    ],
    [
      'if they are resized by constants',
      [
        ['Conv', ['x', 'w'], ['y']],
        ['Resize', ['y', '', 'scales'], ['z']],
      ],
      {},
    ],
    [
      'if other inputs are compared',
      [
        ['Greater', ['x', 'x'], ['c']],
        ['Where', ['c', 'x', 'w'], ['y']],
      ],
      { c: 'bool' },
    ],
  ])('%s', (_, nodes, types) => expect(blank(nodes, types)).toBe(true));

  it.each<[string, readonly NodeLine[], Record<string, DataType>]>([
    [
      'if weights become indices',
      [
        ['ArgMax', ['w'], ['i']],
        ['Gather', ['x', 'i'], ['y']],
      ],
      { i: 'int64' },
    ],
    [
      'if weights are compared',
      [
        ['Greater', ['w', 'x'], ['c']],
        ['Compress', ['x', 'c'], ['y']],
      ],
      { c: 'bool' },
    ],
    [
      'if weights become sizes',
      [
        ['Cast', ['w'], ['s']],
        ['Reshape', ['x', 's'], ['y']],
      ],
      { s: 'int64' },
    ],
    ['if weights are scales', [['Resize', ['x', '', 'w'], ['y']]], {}],
    ['if weights give a number of classes', [['OneHot', ['x', 'w', 'v'], ['y']]], {}],
    ['if equal weights are merged', [['Unique', ['w'], ['y']]], {}],
  ])('but not %s', (_, nodes, types) => expect(blank(nodes, types)).toBe(false));

  it('but not if weights go into a branch, or a result is a sequence', () => {
    const branch = smallModel({ nodes: [['Mul', ['x', 'w'], ['y']]], inputs: {}, outputs: { y: [] } }).graph;
    const { graph } = smallModel({ nodes: [['If', ['c'], ['z']]], inputs: {}, outputs: {} });
    const [node] = graph.nodes;
    const nodes = [{ ...node, attributes: { then_branch: { kind: 'graph', value: branch } as const } }];
    expect(mayBeBlank({ ...graph, nodes }, new Set(['w']), new Map([['z', 'float32']]))).toBe(false);
    const sequence = smallModel({ nodes: [['SequenceConstruct', ['w'], ['s']]], inputs: {}, outputs: {} }).graph;
    expect(mayBeBlank(sequence, new Set(['w']), new Map())).toBe(false);
  });
});

test('shapes that depend on weights use the real weights', async () => {
  const mask = tensor('float32', [400], (i) => Number(i % 4 === 0));
  const model = smallModel({
    nodes: [
      ['NonZero', ['mask'], ['places']],
      ['Squeeze', ['places', 'axes'], ['indices']],
      ['Gather', ['x', 'indices'], ['picked'], { axis: 1 }],
      ['MatMul', ['picked', 'w'], ['y']],
    ],
    inputs: { x: ['n', 400] },
    outputs: { y: ['n', 7] },
    initializers: { mask, axes: tensor('int64', [1], () => 0), w: weights([100, 7]) },
  });
  const { values } = await inferShapes(model, nodeRuntime());
  expect(values.get('picked')).toMatchObject({ shape: ['batch', 100] });
});
