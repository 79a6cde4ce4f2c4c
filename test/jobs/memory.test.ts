import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { inspectModel, type JobEvent, resume, train } from '../../src/jobs/index.ts';
import { openRun } from '../../src/run/index.ts';
import { makeProject, type Project } from './project.ts';

let project: Project;
beforeAll(async () => {
  project = await makeProject({ train: 8, val: 4 });
});
afterAll(() => project.remove());

type Memory = Extract<JobEvent, { type: 'memory' }>;

/** @param stopAt number of the step after which it is asked to stop */
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

const lastOf = async (out: string) => (await openRun(out)).checkpoint('last');

test('a training in parts is the one with whole batches, to rounding; stopped and resumed the same, to the bit', async () => {
  const whole = await trained('whole', 'off');
  expect(parse(readFileSync(join(whole.out, 'config.yaml'), 'utf8'))).toMatchObject({ batch: 12, accumulate: 1 });
  const limit = whole.told.estimate.total - 1;
  const parts = await trained('parts', limit);
  expect(parts.told.divided).toMatchObject({ batch: 12 });
  const config = parse(readFileSync(join(parts.out, 'config.yaml'), 'utf8'));
  expect(config.batch).toBeLessThan(12);
  expect(config.batch * config.accumulate).toBe(12);
  expect(JSON.parse(readFileSync(join(parts.out, 'record.json'), 'utf8')).memory.divided).toEqual(parts.told.divided);
  const [a, b] = [await lastOf(whole.out), await lastOf(parts.out)];
  expect(b.progress.step).toBe(a.progress.step);
  for (const [key, { data }] of a.state) {
    const other = b.state.get(key)!.data as Float32Array;
    const largest = Math.max(...(data as Float32Array).map(Math.abs));
    const difference = Math.max(...(data as Float32Array).map((v, i) => Math.abs(v - other[i])));
    expect(difference / largest, key).toBeLessThan(1e-5);
  }
  const { out } = await trained('stopped', limit, 3);
  await resume(out);
  const c = await lastOf(out);
  expect(c.progress.step).toBe(b.progress.step);
  expect([...c.state]).toEqual([...b.state]);
  expect(readFileSync(join(parts.out, 'report.html'), 'utf8')).toContain('Most memory expected in training');
}, 120_000);

test.each(['head', 'all'] as const)(
  'an inspection expects of %s what the training does, but for what it remembers of the data',
  async (trainable) => {
    const out = join(project.folder, `inspected-${trainable}`);
    let told: Memory | undefined;
    const onEvent = (event: JobEvent) => {
      if (event.type === 'memory') told = event;
    };
    const settings = { trainable, epochs: 1, batch: 7, device: 'cpu' } as const;
    await train({ model: project.model, data: project.data, out, settings }, { onEvent });
    // The model with the head that was trained.
    const { memory } = await inspectModel({ model: out, batch: 7 });
    const { total, caches } = told!.estimate;
    expect(caches).toBeGreaterThan(0);
    expect(memory).toMatchObject({ batch: 7, [trainable]: total - caches });
  },
);
