import { expect, test } from 'vitest';
import { atEqualSteps } from '../../src/data/index.ts';

test('items at equal steps are spread over all of them, without repeats', () => {
  expect(atEqualSteps(10, 4)).toEqual([0, 2, 5, 7]);
  expect(atEqualSteps(3, 64)).toEqual([0, 1, 2]);
  expect(atEqualSteps(0, 5)).toEqual([]);
  const many = atEqualSteps(153, 64);
  expect(new Set(many).size).toBe(64);
  expect(many.at(-1)).toBe(150);
});
