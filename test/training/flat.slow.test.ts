// Memory stays constant over stages: the trainer releases their sessions and keeps no reference to them.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const WARM = 18;
const COUNT = 60;

/** Without releasing sessions, memory grows by 1.6 MB per stage: 65 MB here. */
const MEGABYTES = 20;

test('resident memory stays constant over stages', async () => {
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
