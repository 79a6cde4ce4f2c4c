import { describe, expect, test } from 'vitest';
import { convolution } from './cases/convolution.ts';
import { elementwise } from './cases/elementwise.ts';
import { matrices } from './cases/matrices.ts';
import { microsoft } from './cases/microsoft.ts';
import { normalization } from './cases/normalization.ts';
import { reductions } from './cases/reductions.ts';
import { resampling } from './cases/resampling.ts';
import { shapes } from './cases/shapes.ts';
import { compareGradients } from './check.ts';
import { forwardOf, type Row, titleOf } from './row.ts';

const TABLES: Readonly<Record<string, readonly Row[]>> = {
  elementwise,
  reductions,
  matrices,
  shapes,
  convolution,
  resampling,
  normalization,
  microsoft,
};

describe.each(Object.entries(TABLES))('gradients agree with finite differences: %s', (_, rows) => {
  test.each(rows.map((row) => [titleOf(row), row] as const))('%s', async (title, row) => {
    for (const { input, precision, error, tolerance } of await compareGradients(forwardOf(row), title)) {
      expect(error, `∂${input} against differences in ${precision} precision`).toBeLessThan(tolerance);
    }
  });
});
