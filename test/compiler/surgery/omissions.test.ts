import { expect, test } from 'vitest';
import { describeOmissions, groupsOf, omissionsOf, surveyParameters } from '../../../src/compiler/surgery/index.ts';
import { smallModel, tensor, weights } from '../../small-models.ts';

/**
 * A classifier with a position embedding that a constant index selects, a normalized input, a resize, a threshold, and
 * a table without readers.
 */
const model = smallModel({
  inputs: { x: ['batch', 1, 2, 2] },
  outputs: { y: ['batch', 2] },
  initializers: {
    mean: weights([1, 2, 2], 1),
    scale: tensor('float32', [], () => 2),
    twice: tensor('float32', [4], (i) => (i < 2 ? 1 : 2)),
    positions: weights([8, 16], 2),
    place: tensor('int64', [1], () => 3),
    unread: weights([5], 3),
    thresholds: weights([16], 6),
    pooler: weights([4, 4], 7),
    'fc1.weight': weights([16, 16], 4),
    'fc2.weight': weights([16, 2], 5),
  },
  nodes: [
    ['Sub', ['x', 'mean'], ['centred'], {}, 'normalize'],
    ['Mul', ['centred', 'scale'], ['scaled']],
    ['Resize', ['scaled', '', 'twice'], ['large'], {}, 'enlarge'],
    ['Flatten', ['large'], ['flat']],
    ['MatMul', ['flat', 'fc1.weight'], ['h'], {}, 'fc1'],
    ['Gather', ['positions', 'place'], ['position'], {}, 'pick'],
    ['Add', ['h', 'position'], ['placed']],
    ['Less', ['placed', 'thresholds'], ['low'], {}, 'compare'],
    ['Where', ['low', 'h', 'placed'], ['chosen']],
    ['MatMul', ['chosen', 'fc2.weight'], ['y'], {}, 'fc2'],
    ['MatMul', ['placed', 'pooler'], ['pooled'], {}, 'pooler'],
  ],
});

test('inspection lists float tensors that never train, with the reason', () => {
  const groups = groupsOf(model);
  expect(groups.flatMap((group) => group.parameters)).toEqual(['fc1.weight', 'positions', 'fc2.weight']);
  const omitted = omissionsOf(model.graph, groups, surveyParameters(model.graph));
  const reasons = Object.fromEntries(omitted.map(({ name, reason }) => [name, reason]));
  expect(reasons).toEqual({
    mean: `a constant: it normalizes the model's input (in Sub node "normalize")`,
    scale: `a constant: it normalizes the model's input (in Mul node "Mul/scaled")`,
    twice: 'Resize node "enlarge" reads it as its scales',
    unread: 'nothing reads it',
    thresholds: 'no gradient leads from the output "y" to it (it is read by Less node "compare")',
    pooler: 'no gradient leads from the output "y" to it (it is read by MatMul node "pooler")',
  });
  expect(describeOmissions(omitted)).toMatch(/^5 tensors stay frozen in every stage: "mean" \(/);
  expect(describeOmissions([])).toBeUndefined();
});
