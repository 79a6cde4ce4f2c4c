// Rounds of a federation over a channel, and a node that answers with them.
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { runNode } from '../../src/federated/flower/index.ts';
import { readRoundState, writeRoundState } from '../../src/federated/index.ts';
import { firstState, round } from '../../src/node/commands/index.ts';
import { answersBy, type LabelledSample, type ModelRequest, type RemoteClient } from '../../src/worker/index.ts';
import { startThread } from '../../src/worker/node/start-thread.ts';
import { FakeSuperLink } from '../federated/flower/fake-superlink.ts';
import { makeProject, type Project } from '../node/commands/project.ts';
import { askedRound, metricsOf, tensorsOf } from './asked-round.ts';
import { modelIn, samplesOf } from './request.ts';
import { threadOfSources } from './threads.ts';

const SETTINGS = { batch: 6, lr: 0.03, trainable: 'head', epochs: 1, schedule: 'constant' } as const;

let project: Project;
let own: ModelRequest & { readonly samples: readonly LabelledSample<'classification'>[] };
let state: Uint8Array;
let client: RemoteClient;
beforeAll(async () => {
  project = await makeProject();
  vi.stubEnv('THAW_CACHE', `${project.folder}/cache`);
  own = { ...modelIn(project), samples: await samplesOf(project) };
  state = await firstState({ model: project.model, settings: { ...SETTINGS, labels: ['blue', 'green', 'red'] } });
  client = startThread({ thread: threadOfSources() });
});
afterAll(() => {
  client?.terminate();
  vi.unstubAllEnvs();
  project?.remove();
});

const CPU = { ...SETTINGS, device: 'cpu' } as const;
const native = (more: object = {}) =>
  round({ model: project.model, data: project.data, state, settings: CPU, ...more });

test('a round over a channel gives the bits of a round from files', async () => {
  const expected = await native();
  expect(await client.round({ ...own, state, settings: CPU })).toEqual(expected);
  const measured = await client.round({ ...own, state: expected.state!, settings: CPU, evaluateOnly: true });
  expect(measured).toEqual(await native({ state: expected.state!, evaluateOnly: true }));
});

test('a machine may lack classes, but is refused with unknown classes or another model', async () => {
  const samples = own.samples.filter(({ label }) => label === 'green');
  const outcome = await client.round({ ...own, samples, state, settings: CPU });
  expect(outcome.examples).toBe(8);
  const wrong = { ...own, state, settings: CPU };
  const pink = [...own.samples, { ...own.samples[0], label: 'pink' }];
  await expect(client.round({ ...wrong, samples: pink })).rejects.toMatchObject({
    code: 'bad-data',
    message: 'samples[36] has the label "pink", and there is no such class',
    hint: 'There are blue, green, red',
  });
  const model = Uint8Array.from([...own.model, 0]);
  await expect(client.round({ ...wrong, model })).rejects.toThrow(readRoundState(state).source);
  await expect(client.round({ ...wrong, task: 'embedding' })).rejects.toThrow('made with task classification');
});

test('a node answers with a round over a channel', async () => {
  const superlink = new FakeSuperLink();
  const stop = new AbortController();
  const answer = answersBy(client, { ...own, settings: { device: 'cpu' } });
  const running = runNode({ transport: superlink, answer, signal: stop.signal, poll: 20 });
  const config = { epoch: 0, epochs: 1, 'server-round': 2 };
  await superlink.ask(askedRound(state, SETTINGS, config));
  await superlink.ask(askedRound(state, SETTINGS, config), 'evaluate');
  await vi.waitFor(() => expect(superlink.replies).toHaveLength(2), { timeout: 60_000 });
  stop.abort();
  await running;
  // Its state is one epoch old, so the images have the order of the second epoch.
  const before = writeRoundState({ ...readRoundState(state), epoch: 1 });
  const expected = await native({ state: before, measure: true });
  const [trained, measured] = superlink.replies.map(({ content }) => content!);
  expect(trained.get('arrays')).toEqual({ kind: 'arrays', arrays: tensorsOf(expected.state!) });
  expect(Object.fromEntries(metricsOf(trained)!)).toEqual({
    'num-examples': 24n,
    ...expected.train,
    'val-examples': 12n,
    'val-loss': expected.before!.loss,
    'val-accuracy': expected.before!.accuracy,
  });
  expect([...measured.keys()]).toEqual(['metrics']);
  expect(metricsOf(measured)?.get('num-examples')).toBe(12n);
});

test('a stopped round is abandoned, and the next one trains', async () => {
  const long = { ...CPU, epochs: 1000, patience: 1000 };
  const stepped = new Promise<void>((resolve) => {
    const end = client.listen(({ type }) => {
      if (type !== 'step') return;
      end();
      resolve();
    });
  });
  const stop = new AbortController();
  const abandoned = client.round({ ...own, state, settings: long }, { signal: stop.signal });
  abandoned.catch(() => undefined);
  await stepped;
  stop.abort();
  await expect(abandoned).rejects.toThrow(/abort/i);
  expect((await client.round({ ...own, state, settings: CPU })).epochs).toBe(1);
});
