import { expect, test } from 'vitest';
import { writeSequences } from '../../../src/compiler/import/index.ts';
import { inferShapes } from '../../../src/compiler/shapes/index.ts';
import { groupsOf } from '../../../src/compiler/surgery/index.ts';
import { inferNetwork } from '../../../src/session/index.ts';
import { type NodeLine, smallModel, tensor, weights } from '../../small-models.ts';
import { runtime } from '../../training/network.ts';
import { compareWithDifferences } from '../step/differences.ts';

/** `x · w`, then the given nodes from `a` [N, 6] to `b` [N, 6], then the head. */
const around = (...nodes: readonly NodeLine[]) =>
  smallModel({
    opset: 18,
    inputs: { x: ['N', 4] },
    outputs: { logits: ['N', 3] },
    initializers: {
      'w.weight': weights([4, 6], 1),
      'v.weight': weights([6], 2),
      'head.weight': weights([6, 3], 3),
      zero: tensor('int64', [], () => 0),
      last: tensor('int64', [], () => -1),
      four: tensor('int64', [], () => 4),
      parts: tensor('int64', [3], (i) => i + 1),
    },
    nodes: [
      ['MatMul', ['x', 'w.weight'], ['a']],
      ...nodes,
      ['Mul', ['b', 'v.weight'], ['scaled']],
      ['MatMul', ['scaled', 'head.weight'], ['logits']],
    ],
  });

test.each<[what: string, nodes: NodeLine[]]>([
  [
    'parts of given sizes, in another order',
    [
      ['SplitToSequence', ['a', 'parts'], ['s'], { axis: 1 }],
      ['SequenceAt', ['s', 'last'], ['end']],
      ['SequenceErase', ['s'], ['rest']],
      ['SequenceInsert', ['rest', 'end', 'zero'], ['t']],
      ['ConcatFromSequence', ['t'], ['b'], { axis: 1 }],
    ],
  ],
  [
    'parts of one size, the last one shorter',
    [
      ['SplitToSequence', ['a', 'four'], ['s'], { axis: -1 }],
      ['Identity', ['s'], ['t']],
      ['ConcatFromSequence', ['t'], ['b'], { axis: 1 }],
    ],
  ],
  [
    'single columns, joined along a new axis',
    [
      ['SplitToSequence', ['a'], ['s'], { axis: 1, keepdims: 0 }],
      ['ConcatFromSequence', ['s'], ['b'], { axis: 1, new_axis: 1 }],
    ],
  ],
  [
    'a sequence of tensors of its own',
    [
      ['Tanh', ['a'], ['bent']],
      ['SequenceConstruct', ['a', 'bent'], ['s']],
      ['ConcatFromSequence', ['s'], ['both'], { axis: 2, new_axis: 1 }],
      ['Constant', [], ['axes'], { value_ints: [2] }],
      ['ReduceMean', ['both', 'axes'], ['b'], { keepdims: 0 }],
    ],
  ],
])('%s', async (_, nodes) => {
  const network = await inferNetwork(around(...nodes), runtime);
  expect(network.model.graph.nodes.filter(({ op }) => /Sequence/.test(op))).toEqual([]);
  const parameters = groupsOf(network.model).flatMap((group) => group.parameters);
  expect(parameters).toEqual(['w.weight', 'v.weight', 'head.weight']);
  await compareWithDifferences(network, parameters, {
    x: tensor('float32', [5, 4], (i) => Math.sin(i)),
    labels: tensor('int64', [5], (i) => i % 3),
  });
});

test('sequences whose members depend on the batch stay, and a model without sequences stays unchanged', async () => {
  const dynamic = around(['SplitToSequence', ['a'], ['s']], ['ConcatFromSequence', ['s'], ['b'], { axis: 0 }]);
  const network = await inferShapes(dynamic, runtime);
  expect(writeSequences(network.model, network)).toBe(network.model);
  const plain = await inferShapes(around(['Tanh', ['a'], ['b']]), runtime);
  expect(writeSequences(plain.model, plain)).toBe(plain.model);
});
