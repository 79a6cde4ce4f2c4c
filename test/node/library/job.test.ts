import { expect, test } from 'vitest';
import * as api from '../../../src/index.ts';
import {
  finishFederation,
  type SweepRequest,
  writeArtifacts,
  writeFederatedApp,
} from '../../../src/node/commands/index.ts';
import { type FineTuneRequest, fineTune, Job, resume, resumeSweep, sweep } from '../../../src/node/library/index.ts';

type Event = { readonly n: number };

/** Functions of the API that take a request. */
const JOBS =
  `calibrate clean evaluate explain exportModel federatedRound findLearningRate fineTune finishFederation firstState inspect
  joinFederation mergeAdapters predictEach preview resume serveStudio suggest sweep writeArtifacts writeFederatedApp`.split(
    /\s+/,
  );

/** A job with three events that ends early if stopped. */
const counting = (options = {}) =>
  new Job<Event, string>(async ({ onEvent, signal }) => {
    for (let n = 1; n <= 3; n++) {
      if (signal.aborted) return 'stopped';
      onEvent({ n });
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return 'done';
  }, options);

test('yields its events in order, and its result', async () => {
  const job = counting();
  const seen: number[] = [];
  for await (const { n } of job) seen.push(n);
  expect([seen, await job.result]).toEqual([[1, 2, 3], 'done']);
});

test('runs without a reader, and keeps its events for a late one', async () => {
  const job = counting();
  expect(await job.result).toBe('done');
  const seen: number[] = [];
  for await (const { n } of job) seen.push(n);
  expect(seen).toEqual([1, 2, 3]);
});

test('can be stopped by stop(), by a signal, and by leaving the loop', async () => {
  const stopped = counting();
  stopped.stop();
  const controller = new AbortController();
  const aborted = counting({ signal: controller.signal });
  controller.abort();
  const left = counting();
  for await (const { n } of left) if (n === 1) break;
  expect(await Promise.all([stopped, aborted, left].map(({ result }) => result))).toEqual(Array(3).fill('stopped'));
});

test('throws its error in the loop and from its result', async () => {
  const job = new Job<Event, string>(async ({ onEvent }) => {
    onEvent({ n: 1 });
    throw new Error('broken');
  });
  const seen: number[] = [];
  const reading = (async () => {
    for await (const { n } of job) seen.push(n);
  })();
  await expect(reading).rejects.toThrow('broken');
  await expect(job.result).rejects.toThrow('broken');
  expect(seen).toEqual([1]);
});

test('a request without a model, data or a run is refused in words', async () => {
  // As from JavaScript.
  const wrong = (request: object) => fineTune(request as FineTuneRequest).result;
  await expect(wrong({ data: 'images' })).rejects.toMatchObject({ code: 'bad-config', message: 'model is missing' });
  await expect(wrong({ model: 'default' })).rejects.toMatchObject({ code: 'bad-config', message: 'data is missing' });
  await expect(wrong({ model: 5, data: 'images' })).rejects.toThrow('model is not a text, but number');
  const swept = (request: object) => sweep({ try: { lr: [0.1] }, ...request } as unknown as SweepRequest).result;
  await expect(swept({ data: 'images' })).rejects.toMatchObject({ code: 'bad-config', message: 'model is missing' });
  await expect(swept({ model: 'default' })).rejects.toMatchObject({ code: 'bad-config', message: 'data is missing' });
  await expect(resume('').result).rejects.toMatchObject({ code: 'bad-config', message: 'run is missing' });
  await expect(resume('runs/nowhere').result).rejects.toMatchObject({ code: 'run-directory' });
});

test('a call without a request, or with something else, is refused in words', async () => {
  const jobs = api as unknown as Record<string, (request?: unknown) => unknown>;
  for (const name of JOBS) {
    const call = async (request?: unknown) => {
      const job = jobs[name](request) as { result?: unknown; next?: () => unknown };
      return job.result ?? job.next?.() ?? job;
    };
    await expect(call(), name).rejects.toMatchObject({ code: 'bad-config', message: 'the request is missing' });
    await expect(call(null), name).rejects.toThrow('the request is not an object, but null');
    if (name !== 'resume') await expect(call('runs/1'), name).rejects.toThrow('is not an object, but string');
  }
});

test('a job that needs a folder says so', async () => {
  const missing = (name: string) => ({ code: 'bad-config', message: `${name} is missing` });
  // As from JavaScript.
  const none = {} as never;
  await expect(finishFederation(none)).rejects.toMatchObject(missing('folder'));
  await expect(writeFederatedApp(none)).rejects.toMatchObject(missing('folder'));
  await expect(writeArtifacts(none)).rejects.toMatchObject(missing('out'));
  await expect(resumeSweep('').result).rejects.toMatchObject(missing('folder'));
});
