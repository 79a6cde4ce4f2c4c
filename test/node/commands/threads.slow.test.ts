import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fetchModel } from '../../../src/node/commands/fetch-model.ts';
import { type JobEvent, train } from '../../../src/node/commands/index.ts';
import { newRecord } from '../../../src/node/commands/record.ts';
import { measuredThreads, recordedThreads } from '../../../src/node/commands/threads.ts';
import { readModelFile } from '../../../src/node/models/files.ts';
import { nodeRuntime } from '../../../src/runtime/node/sessions.ts';
import { makeProject, type Project } from './project.ts';

let project: Project;
const before = process.env.THAW_CACHE;
beforeAll(async () => {
  project = await makeProject({ train: 4, val: 2 });
  process.env.THAW_CACHE = join(project.folder, 'cache');
});
afterAll(() => {
  if (before === undefined) delete process.env.THAW_CACHE;
  else process.env.THAW_CACHE = before;
  project.remove();
});

async function request(threads?: number) {
  const files = await fetchModel(project.model, {});
  const [model, sha256] = [await readModelFile(files.path), await files.sha256()];
  return { model, files, sha256, runtime: nodeRuntime('cpu', threads ? { intraOpNumThreads: threads } : {}) };
}

test('measures numbers of threads on a machine with many cores, and says which is the fastest', async () => {
  const events: JobEvent[] = [];
  const onEvent = (event: JobEvent) => events.push(event);
  const choice = await measuredThreads({ ...(await request()), cores: 2, from: 2 }, { onEvent });
  expect(choice?.measured.map(({ threads }) => threads)).toEqual([1, 2]);
  expect(choice?.measured.every(({ seconds }) => seconds > 0)).toBe(true);
  expect([1, 2]).toContain(choice?.chosen);
  expect(events).toContainEqual({
    type: 'notice',
    message: expect.stringMatching(/^[12] threads?, the fastest number here/),
  });
  // A second training uses it, so that it gives the same bits.
  expect(await measuredThreads({ ...(await request()), cores: 2, from: 2 }, {})).toEqual(choice);
});

test('measures nothing with few cores, or if the user set the number', async () => {
  expect(await measuredThreads({ ...(await request()), cores: 4 }, {})).toBeUndefined();
  expect(await measuredThreads({ ...(await request(1)), cores: 64 }, {})).toBeUndefined();
});

test('a resumed run uses the recorded number, if the machine still has the cores', () => {
  const record = { ...newRecord(), threads: { chosen: 16, measured: [] } };
  expect(recordedThreads(record, 32)).toBe(16);
  expect(recordedThreads(record, 8)).toBeUndefined();
  expect(recordedThreads(newRecord(), 8)).toBeUndefined();
});

test('a training uses the given number of threads, and records it', async () => {
  const out = join(project.folder, 'threads');
  const settings = { trainable: 'head', epochs: 1, device: 'cpu', threads: 1, artifacts: false } as const;
  await train({ model: project.model, data: project.data, out, settings });
  expect(JSON.parse(readFileSync(join(out, 'record.json'), 'utf8')).environment.threads).toBe('1');
  expect(readFileSync(join(out, 'config.yaml'), 'utf8')).toMatch(/^threads: 1$/m);
});
