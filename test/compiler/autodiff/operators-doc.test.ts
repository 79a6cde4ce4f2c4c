import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { LIMITS, operatorsPage, PAGE } from '../../../scripts/build/operators-doc.ts';
import { differentiability } from '../../../src/compiler/autodiff/index.ts';

test('docs/operators.md matches the registry (npx tsx scripts/build/operators-doc.ts)', () => {
  expect(readFileSync(PAGE, 'utf8')).toBe(operatorsPage());
});

test('every documented limit belongs to a rule', () => {
  for (const name of Object.keys(LIMITS)) {
    const dot = name.lastIndexOf('.');
    expect(differentiability(name.slice(dot + 1), name.slice(0, Math.max(0, dot))), name).toBe('rule');
  }
});
