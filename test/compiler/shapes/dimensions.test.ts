import { expect, test } from 'vitest';
import { dimensionFrom, planCheck, planRuns } from '../../../src/compiler/shapes/dimensions.ts';

type Formula = (batch: number, sequence: number) => number;

const symbols = ['batch', 'sequence'];
const runs = [...planRuns(symbols, [1, 2]), planCheck(symbols, [1, 2])!];
const seenOf = (formula: Formula) => runs.map(({ batch, sequence }) => formula(batch, sequence));

test.each<[string | number, Formula]>([
  [7, () => 7],
  [0, () => 0],
  ['batch', (b) => b],
  ['sequence', (_, s) => s],
  ['49*batch', (b) => 49 * b],
  ['batch*sequence', (b, s) => b * s],
  ['12*batch*sequence*sequence', (b, s) => 12 * b * s * s],
  ['sequence+1', (_, s) => s + 1],
  ['sequence-2', (_, s) => s - 2],
  ['2*sequence+1', (_, s) => 2 * s + 2],
  ['2sequence+1', (_, s) => 2 * s + 1],
  ['8*batch*sequence+1', (b, s) => 8 * b * (s + 1)],
  ['unknown', (_, s) => Math.floor(s / 3)],
  ['unknown', (b, s) => b + s],
  // For the first two sizes of a sequence, 5 and 7, this equals a number or a product.
  ['unknown', (_, s) => 4 * Math.ceil(s / 4)],
  ['unknown', (_, s) => 2 * Math.floor(s / 2) + 1],
])('%s', (expected, formula) => {
  expect(dimensionFrom(seenOf(formula), runs) ?? 'unknown').toBe(expected);
});

test('a batch alone needs no check', () => {
  expect(planCheck(['batch'], [1, 2])).toBeUndefined();
});
