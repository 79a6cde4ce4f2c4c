import { expect, test } from 'vitest';
import { inlineBranches } from '../../../src/compiler/import/index.ts';
import { type Graph, type Model, type Tensor, writeModel } from '../../../src/onnx/index.ts';
import { nodeRuntime } from '../../../src/runtime/node/sessions.ts';
import { type NodeLine, smallModel, tensor, weights } from '../../small-models.ts';

const branch = (nodes: readonly NodeLine[], output: string, initializers: Record<string, Tensor> = {}) => {
  const { graph } = smallModel({ inputs: {}, outputs: { [output]: ['N', 3] }, nodes, initializers });
  return { kind: 'graph', value: graph } as const;
};
const bool = (value: number): Tensor => tensor('bool', [], () => value);

/**
 * Two branches that use the same names inside, and one that only passes x on. A nested branch reads one of the names.
 */
const model = smallModel({
  opset: 18,
  inputs: { x: ['N', 3] },
  outputs: { y: ['N', 3] },
  initializers: { yes: bool(1), no: bool(0), w: weights([3]) },
  nodes: [
    [
      'If',
      ['yes'],
      ['a'],
      {
        then_branch: branch(
          [
            ['Mul', ['x', 'own'], ['t']],
            ['Add', ['t', 't'], ['r']],
          ],
          'r',
          { own: weights([3], 2) },
        ),
        else_branch: branch([['Neg', ['x'], ['r']]], 'r'),
      },
    ],
    [
      'If',
      ['no'],
      ['b'],
      {
        then_branch: branch([['Neg', ['a'], ['r']]], 'r'),
        else_branch: branch(
          [
            ['Add', ['a', 'w'], ['t']],
            ['ReduceSum', ['t'], ['s'], { keepdims: 0 }],
            ['Greater', ['s', 'limit'], ['large']],
            [
              'If',
              ['large'],
              ['r'],
              {
                then_branch: branch([['Exp', ['t'], ['e']]], 'e'),
                else_branch: branch([['Tanh', ['t'], ['e']]], 'e'),
              },
            ],
          ],
          'r',
          { limit: tensor('float32', [], () => 0) },
        ),
      },
    ],
    [
      'If',
      ['chosen'],
      ['y'],
      { then_branch: branch([['Identity', ['b'], ['i']]], 'i'), else_branch: branch([['Abs', ['x'], ['i']]], 'i') },
    ],
  ],
});

const outputOf = async (encoded: Model) => {
  const session = await nodeRuntime().load(writeModel(encoded));
  const { y } = await session.run({ x: weights([2, 3], 5) });
  await session.release();
  return y;
};
const count = ({ nodes }: Graph, op: string) => nodes.filter((node) => node.op === op).length;

test('a branch replaces its If when the condition is known', async () => {
  const known = {
    ...model,
    graph: { ...model.graph, initializers: new Map([...model.graph.initializers, ['chosen', bool(1)]]) },
  };
  const inlined = inlineBranches(known, new Map());
  // The If that remains has a condition computed from data.
  expect(count(inlined.graph, 'If')).toBe(1);
  expect(inlined.graph.initializers.has('own')).toBe(true);
  expect(await outputOf(inlined)).toEqual(await outputOf(known));
  expect(inlineBranches(inlined, new Map())).toBe(inlined);
});

test('shapes alone can decide a condition', () => {
  expect(count(inlineBranches(model, new Map()).graph, 'If')).toBe(2);
  expect(count(inlineBranches(model, new Map([['chosen', bool(0)]])).graph, 'If')).toBe(1);
});

test('an If stays if inlining would rename one of its weights', () => {
  const clash = {
    ...model,
    graph: { ...model.graph, initializers: new Map([...model.graph.initializers, ['own', weights([3])]]) },
  };
  const { graph } = inlineBranches(clash, new Map());
  expect(graph.nodes[0].op).toBe('If');
});
