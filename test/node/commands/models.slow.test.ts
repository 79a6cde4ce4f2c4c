import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { getModel, type JobEvent, listedModels } from '../../../src/node/commands/index.ts';

let cache: string;
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), 'thaw-catalogue-'));
  vi.stubEnv('THAW_CACHE', cache);
  vi.stubEnv('HF_HOME', cache);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(cache, { recursive: true, force: true });
});

/** The list, and how often a step was measured for it. */
async function list() {
  const events: JobEvent[] = [];
  const models = await listedModels({ onEvent: (event) => events.push(event) });
  const of = (name: string) => models.find((model) => model.name === name)!;
  return { of, measurements: events.filter((event) => event.type === 'phase' && event.phase === 'measuring').length };
}

test('the list measures a step once, and estimates the steps of models that are not here', async () => {
  const first = await list();
  expect(first.measurements).toBe(1);
  expect(first.of('default')).toMatchObject({ here: true, step: { measured: true } });
  const { relativeStep, step, here } = first.of('resnet-50');
  expect(here).toBe(false);
  expect(step).toEqual({
    seconds: expect.closeTo(first.of('default').step!.seconds * relativeStep, 9),
    measured: false,
  });
  const second = await list();
  expect(second.measurements).toBe(0);
  expect(second.of('default').step).toEqual(first.of('default').step);
  // A damaged file of times counts as none.
  writeFileSync(join(cache, 'step-times.json'), '{"a": 1}');
  expect((await list()).measurements).toBe(1);
});

test('getting a model gives its file and checksum, and measures its step for the list', async () => {
  const model = await getModel('default');
  expect(model.step).toMatchObject({ measured: true });
  expect(model.sha256).toMatch(/^[0-9a-f]{64}$/);
  expect(model.bytes).toBeGreaterThan(1e6);
  const { of, measurements } = await list();
  expect(measurements).toBe(0);
  expect(of('default').step).toEqual(model.step);
  await expect(getModel('no-such-model')).rejects.toMatchObject({ code: 'not-found' });
});
