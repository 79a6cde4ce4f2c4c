import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SEEDS } from './seeds.ts';
import { trainOnce } from './training.ts';

test.each(Object.entries(SEEDS))('%s: Thaw inspects, compiles and trains the unchanged seed', async (_, seed) => {
  const folder = mkdtempSync(join(tmpdir(), 'thaw-seed-'));
  try {
    const { model, external } = seed();
    const path = join(folder, 'model.onnx');
    writeFileSync(path, model);
    if (external) writeFileSync(join(folder, 'weights.bin'), external);
    expect(await trainOnce(path, folder)).toEqual(['inspected, trainable: all', 'artifacts of all', 'trained: all']);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
