import { expect, test } from 'vitest';
import { withTeacher } from '../../../src/compiler/surgery/index.ts';
import { smallModel, weights } from '../../small-models.ts';

test('a copy of the pretrained network includes values that only a subgraph reads', () => {
  const branch = smallModel({
    inputs: {},
    outputs: { chosen: ['N', 8] },
    nodes: [['Mul', ['scaled', 'gain'], ['chosen']]],
  }).graph;
  const model = smallModel({
    inputs: { x: ['N', 8] },
    outputs: { logits: ['N', 3] },
    initializers: { condition: weights([1]), gain: weights([8]), 'fc.weight': weights([8, 3]), unread: weights([2]) },
    nodes: [
      ['Neg', ['x'], ['scaled']],
      ['If', ['condition'], ['features'], { then_branch: branch, else_branch: branch }],
      ['MatMul', ['features', 'fc.weight'], ['logits']],
    ],
  });
  const network = { model, values: new Map(), constants: new Map() };
  const { graph } = withTeacher(network, network, { features: 'features', scores: 'logits' }).network.model;
  expect(graph.nodes.map(({ outputs: [name] }) => name).slice(3)).toEqual([
    'teacher/scaled',
    'teacher/features',
    'teacher/logits',
  ]);
  expect([...graph.initializers.keys()].slice(4)).toEqual(['teacher/condition', 'teacher/gain', 'teacher/fc.weight']);
});
