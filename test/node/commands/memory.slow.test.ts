import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { inspectModel, type JobEvent, resume, train } from '../../../src/node/commands/index.ts';
import { openRun } from '../../../src/node/run/index.ts';
import { START, withBatchSize } from '../../../src/training/progress.ts';
import { makeProject, type Project } from './project.ts';

let project: Project;
beforeAll(async () => {
  project = await makeProject({ train: 8, val: 4 });
});
afterAll(() => project.remove());

type Memory = Extract<JobEvent, { type: 'memory' }>;

/** @param stopAt number of the step after which the training stops */
async function trained(name: string, memory: number | 'off', stopAt?: number) {
  const out = join(project.folder, name);
  const settings = {
    trainable: 'all',
    epochs: 3,
    batch: 12,
    lr: 0.02,
    optimizer: 'sgd',
    device: 'cpu',
    memory,
  } as const;
  const stop = new AbortController();
  let told: Memory | undefined;
  let steps = 0;
  const onEvent = (event: JobEvent) => {
    if (event.type === 'memory') told = event;
    if (event.type === 'step' && ++steps === stopAt) stop.abort();
  };
  await train({ model: project.model, data: project.data, out, settings }, { onEvent, signal: stop.signal });
  return { out, told: told! };
}

const configOf = (out: string) => parse(readFileSync(join(out, 'config.yaml'), 'utf8'));
const lastOf = async (out: string) => (await openRun(out)).checkpoint('last');

type Tensors = Awaited<ReturnType<typeof lastOf>>['state'];

/** Equal within rounding. */
function expectNear(found: Tensors, expected: Tensors): void {
  expect([...found.keys()].sort()).toEqual([...expected.keys()].sort());
  for (const [key, { data }] of expected) {
    const other = found.get(key)!.data as Float32Array;
    const largest = Math.max(...(data as Float32Array).map(Math.abs));
    const difference = Math.max(...(data as Float32Array).map((v, i) => Math.abs(v - other[i])));
    expect(difference / largest, key).toBeLessThan(1e-5);
  }
}

test('a training in parts equals one with whole batches within rounding; stopped and resumed, to the bit', async () => {
  const whole = await trained('whole', 'off');
  expect(configOf(whole.out)).toMatchObject({ batch: 12, accumulate: 1 });
  const limit = whole.told.estimate.total - 1;
  const parts = await trained('parts', limit);
  expect(parts.told.divided).toMatchObject({ batch: 12 });
  const config = configOf(parts.out);
  expect(config.batch).toBeLessThan(12);
  expect(config.batch * config.accumulate).toBe(12);
  expect(JSON.parse(readFileSync(join(parts.out, 'record.json'), 'utf8')).memory.divided).toEqual(parts.told.divided);
  const [a, b] = [await lastOf(whole.out), await lastOf(parts.out)];
  expect(b.progress.step).toBe(a.progress.step);
  expectNear(b.state, a.state);
  const { out } = await trained('stopped', limit, 3);
  await resume(out);
  const c = await lastOf(out);
  expect(c.progress.step).toBe(b.progress.step);
  expect([...c.state]).toEqual([...b.state]);
  expect(readFileSync(join(parts.out, 'report.html'), 'utf8')).toContain('Estimated memory of training');
});

test.each(['head', 'all'] as const)(
  'an inspection of %s estimates the memory of the training, without the feature cache',
  async (trainable) => {
    const out = join(project.folder, `inspected-${trainable}`);
    let told: Memory | undefined;
    const onEvent = (event: JobEvent) => {
      if (event.type === 'memory') told = event;
    };
    const settings = { trainable, epochs: 1, batch: 7, device: 'cpu' } as const;
    await train({ model: project.model, data: project.data, out, settings }, { onEvent });
    // The model with the trained head.
    const { memory } = await inspectModel({ model: out, batch: 7 });
    const { total, caches } = told!.estimate;
    expect(caches).toBeGreaterThan(0);
    expect(memory).toMatchObject({ batch: 7, [trainable]: total - caches });
  },
);

test('a run resumed with less memory splits its batches, also mid-epoch', async () => {
  const whole = await trained('plenty', 1e12);
  const { out } = await trained('plenty-stopped', 1e12, 3);
  expect((await lastOf(out)).progress).toMatchObject({ epoch: 1, batch: 1, batchSize: 12 });
  const limit = whole.told.estimate.total - 1;
  writeFileSync(join(out, 'config.yaml'), stringify({ ...configOf(out), memory: limit }));
  const told: Memory[] = [];
  await resume(out, { onEvent: (event) => event.type === 'memory' && told.push(event) });
  expect(told).toHaveLength(1);
  expect(told[0].divided).toMatchObject({ batch: 12 });
  expect(told[0].notice).toContain('whose gradients make one update');
  const { batch, accumulate } = configOf(out);
  expect([batch * accumulate, batch < 12]).toEqual([12, true]);
  const [a, b] = [await lastOf(whole.out), await lastOf(out)];
  expect(b.progress.step).toBe(a.progress.step);
  expectNear(b.state, a.state);
});

test('a position mid-epoch converts to another batch size, if it is at a batch boundary', () => {
  const place = { ...START, batch: 3, batchSize: 12 };
  expect(withBatchSize(place, 4)).toMatchObject({ batch: 9, batchSize: 4 });
  expect(withBatchSize(place, 12)).toBe(place);
  expect(withBatchSize(START, 12)).toMatchObject({ batch: 0, batchSize: 12 });
  expect(() => withBatchSize(place, 5)).toThrow(/3 batches of 12.* batches of 5/);
});
