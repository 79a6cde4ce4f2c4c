import { describe, expect, test } from 'vitest';
import { TABLES } from './cases/index.ts';
import { compareGradients } from './check.ts';
import { forwardOf, titleOf } from './row.ts';

describe.each(Object.entries(TABLES))('gradients agree with finite differences: %s', (_, rows) => {
  test.each(rows.map((row) => [titleOf(row), row] as const))('%s', async (title, row) => {
    for (const { input, precision, error, tolerance } of await compareGradients(forwardOf(row), title)) {
      expect(error, `∂${input} against differences in ${precision} precision`).toBeLessThan(tolerance);
    }
  });
});
