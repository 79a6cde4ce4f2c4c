// Memory stays flat over stages: their sessions are given back, and nothing of them is kept.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const WARM = 18;
const COUNT = 60;

/** With sessions that are never given back it grows by 1.6 a stage: 65 here. */
const MEGABYTES = 20;

test('resident memory stays flat', async () => {
  const words = ['--expose-gc', '--import', 'tsx', 'scripts/node-memory.ts', '--stages', String(COUNT)];
  const { stdout } = await promisify(execFile)(process.execPath, words);
  const rows = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<'stages' | 'resident' | 'heap' | 'external', number>);
  const warm = rows.find(({ stages }) => stages >= WARM)!;
  const last = rows.at(-1)!;
  expect(last.stages).toBe(COUNT);
  expect(last.resident - warm.resident).toBeLessThan(MEGABYTES);
  expect(last.heap - warm.heap).toBeLessThan(2);
  expect(last.external - warm.external).toBeLessThan(2);
}, 300_000);
