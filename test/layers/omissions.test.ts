import { expect, test } from 'vitest';
import { describeOmissions, groupsOf, omissionsOf } from '../../src/layers/index.ts';
import { smallModel, tensor, weights } from '../small-models.ts';

/** A classifier with a position embedding that a constant index picks, an input's mean, and a table that nothing reads. */
const model = smallModel({
  inputs: { x: ['batch', 4] },
  outputs: { y: ['batch', 2] },
  initializers: {
    mean: weights([4], 1),
    scale: tensor('float32', [], () => 2),
    positions: weights([8, 4], 2),
    place: tensor('int64', [1], () => 3),
    unread: weights([5], 3),
    'fc1.weight': weights([4, 4], 4),
    'fc2.weight': weights([4, 2], 5),
  },
  nodes: [
    ['Sub', ['x', 'mean'], ['centred'], {}, 'normalize'],
    ['Mul', ['centred', 'scale'], ['scaled']],
    ['MatMul', ['scaled', 'fc1.weight'], ['h'], {}, 'fc1'],
    ['Gather', ['positions', 'place'], ['position'], {}, 'pick'],
    ['Add', ['h', 'position'], ['placed']],
    ['MatMul', ['placed', 'fc2.weight'], ['y'], {}, 'fc2'],
  ],
});

test('float tensors of several numbers that no stage trains are listed with the reason', () => {
  const groups = groupsOf(model);
  const omitted = omissionsOf(model.graph, groups);
  expect(omitted).toEqual([
    expect.objectContaining({
      name: 'mean',
      count: 4,
      reason: expect.stringMatching(/Sub node "normalize".*constant/),
    }),
    expect.objectContaining({
      name: 'positions',
      count: 32,
      reason: 'Gather node "pick" computes with constants only',
    }),
    { name: 'unread', count: 5, reason: 'nothing reads it', group: undefined },
  ]);
  expect(describeOmissions(omitted)).toMatch(/^3 tensors stay frozen in every stage: "mean" \(/);
  expect(describeOmissions([])).toBeUndefined();
});

test('whatever trains is not among them', () => {
  const parameters = groupsOf(model).flatMap((group) => group.parameters);
  expect(parameters).toEqual(['fc1.weight', 'fc2.weight']);
});
