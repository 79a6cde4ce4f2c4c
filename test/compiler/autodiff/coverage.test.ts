import { afterEach, expect, test } from 'vitest';
import { ADJOINT_DOMAIN } from '../../../src/compiler/autodiff/index.ts';
import { RULES } from '../../../src/compiler/autodiff/registry.ts';
import type { Rule } from '../../../src/compiler/autodiff/rule.ts';
import { ROWS } from './cases/index.ts';
import { quantization } from './cases/quantization.ts';
import { compareGradients } from './check.ts';
import { f32 } from './inputs.ts';
import { forwardOf, operatorOf } from './row.ts';

// The adjoint domain has one operator with a rule, which has its own test (batch-statistics.test.ts).
test('every rule has a case', () => {
  const covered = new Set(ROWS.map((row) => `${operatorOf(row).domain}.${operatorOf(row).name}`));
  for (const { domain = '' } of quantization)
    for (const op of ['QuantizeLinear', 'DequantizeLinear']) covered.add(`${domain}.${op}`);
  const { [ADJOINT_DOMAIN]: _, ...models } = RULES;
  const rules = Object.entries(models).flatMap(([domain, rules]) => Object.keys(rules).map((op) => `${domain}.${op}`));
  expect(rules.filter((rule) => !covered.has(rule))).toEqual([]);
});

// The registry is read-only elsewhere.
const standard = RULES[''] as Record<string, Rule>;
const { Tanh } = standard;

afterEach(() => {
  standard.Tanh = Tanh;
});

const worst = async () => {
  const [comparison] = await compareGradients(forwardOf(['Tanh', {}, [f32('batch', 3)]]), 'wrong rule');
  return comparison.error / comparison.tolerance;
};

test('the checker accepts the right rule and rejects a slightly wrong one', async () => {
  expect(await worst()).toBeLessThan(1);
  standard.Tanh = ({ b, outputs: [y], dy: [dy] }) => [() => b.mul(dy, b.sub(1.001, b.square(y)))];
  expect(await worst()).toBeGreaterThan(1);
});

test('the checker rejects a missing gradient that should not be zero', async () => {
  standard.Tanh = () => ['zero'];
  expect(await worst()).toBeGreaterThan(1);
});

test('differentiation refuses a rule without an entry for an input that needs a gradient', async () => {
  standard.Tanh = () => [];
  await expect(worst()).rejects.toThrow('Tanh node "node" cannot be differentiated: the rule gives no gradient');
});

test('the checker rejects a gradient of another shape', async () => {
  standard.Tanh = ({ b, dy: [dy] }) => [() => ({ ...b.slice(dy, 1, 0, 2), shape: dy.shape })];
  await expect(worst()).rejects.toThrow();
});
