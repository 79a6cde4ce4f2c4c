import { expect, test } from 'vitest';
import { dataFlow } from '../../../src/compiler/surgery/flow.ts';
import { type NodeLine, smallModel, weights } from '../../small-models.ts';

const cutsOf = (nodes: readonly NodeLine[], inputs: Record<string, readonly (string | number)[]> = { x: ['N', 4] }) =>
  dataFlow(
    smallModel({ nodes, inputs, outputs: { y: ['N', 4] }, initializers: { w: weights([4, 4]) } }).graph,
  ).cuts.map(({ value }) => value);

test('every value of a chain is a cut', () => {
  const nodes: NodeLine[] = [
    ['Relu', ['x'], ['a']],
    ['MatMul', ['a', 'w'], ['b']],
    ['Relu', ['b'], ['y']],
  ];
  expect(cutsOf(nodes)).toEqual(['x', 'a', 'b', 'y']);
});

test('no value inside a residual block or between branches is a cut, in any order of the nodes', () => {
  const residual: NodeLine[] = [
    ['Relu', ['x'], ['a']],
    ['MatMul', ['a', 'w'], ['b']],
    ['Relu', ['b'], ['c']],
    ['Add', ['c', 'a'], ['d']],
    ['Relu', ['d'], ['left']],
    ['Tanh', ['d'], ['right']],
    ['Tanh', ['right'], ['right2']],
    ['Add', ['left', 'right2'], ['y']],
  ];
  const [relu, , , add, left, right, right2, last] = residual;
  expect(cutsOf(residual)).toEqual(['x', 'a', 'd', 'y']);
  expect(cutsOf([relu, ...residual.slice(1, 3), add, right, right2, left, last])).toEqual(['x', 'a', 'd', 'y']);
});

test('constants, shape arithmetic, masks and unused values do not count as data', () => {
  const nodes: NodeLine[] = [
    ['Transpose', ['w'], ['turned']],
    ['Relu', ['x'], ['a']],
    ['Shape', ['a'], ['shape']],
    ['Sigmoid', ['mask'], ['soft']],
    ['Tanh', ['a'], ['unused']],
    ['MatMul', ['a', 'turned'], ['b']],
    ['Mul', ['b', 'soft'], ['c']],
    ['Reshape', ['c', 'shape'], ['d']],
    ['Mul', ['d', 'soft'], ['y']],
  ];
  expect(cutsOf(nodes, { x: ['N', 4], mask: ['N', 4] })).toEqual(['x', 'a', 'b', 'c', 'd', 'y']);
});
