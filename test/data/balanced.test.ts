import { expect, test } from 'vitest';
import { balancedOrder } from '../../src/data/balanced-order.ts';
import { Random } from '../../src/random.ts';
import { readSettings, withClassWeights } from '../../src/session/index.ts';

const LABELS = [...new Array(20).fill(0), ...new Array(4).fill(1), ...new Array(7).fill(2)];
const countOf = <T>(values: readonly T[], value: T) => values.filter((v) => v === value).length;

test('a balanced epoch has equally many images of each class, and repeats images of a class equally often', () => {
  const order = balancedOrder(LABELS, new Random(3, 'order', 0));
  expect(order.length).toBe(LABELS.length);
  const shown = order.map((position) => LABELS[position]);
  expect([0, 1, 2].map((label) => countOf(shown, label)).sort()).toEqual([10, 10, 11]);
  for (const label of [1, 2]) {
    const own = LABELS.flatMap((other, position) => (other === label ? [countOf(order, position)] : []));
    expect(Math.max(...own) - Math.min(...own)).toBeLessThanOrEqual(1);
  }
  const common = order.filter((position) => LABELS[position] === 0);
  expect(new Set(common).size).toBe(common.length);
});

test('its order depends on seed and epoch', () => {
  const order = (seed: number, epoch: number) => balancedOrder(LABELS, new Random(seed, 'order', epoch));
  expect(order(1, 2)).toEqual(order(1, 2));
  expect(order(1, 3)).not.toEqual(order(1, 2));
  expect(order(2, 2)).not.toEqual(order(1, 2));
  // Together, the epochs show all images of a frequent class.
  const seen = new Set([0, 1, 2, 3, 4, 5, 6, 7].flatMap((epoch) => order(0, epoch)));
  expect(seen.size).toBe(LABELS.length);
});

test('class weights are resolved once the data is known', () => {
  const classes = ['a', 'b', 'c'];
  const weights = (input: object) => withClassWeights(readSettings({ ...input }), LABELS, classes).loss.classWeights;
  expect(weights({ classWeights: 'balanced' })).toEqual([20, 4, 7].map((n) => 31 / (3 * n)));
  expect(weights({ classWeights: { b: 2 } })).toEqual([1, 2, 1]);
  expect(weights({})).toBeUndefined();
  expect(() => weights({ classWeights: { d: 2 } })).toThrow(/no class "d"/);
  expect(() => weights({ classWeights: 'balanced', loss: 'focal' })).toThrow(/cross-entropy/);
  expect(() => weights({ classWeights: 'inverse' })).toThrow(/classWeights/);
});
