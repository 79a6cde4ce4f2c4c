// Rounds of a federation at the other end of a channel, and a node whose answers they are.
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { runNode } from '../../src/federated/flower/index.ts';
import { readRoundState, writeRoundState } from '../../src/federated/index.ts';
import { firstState, round } from '../../src/node/commands/index.ts';
import { answersBy, type OpenRequest, type RemoteClient } from '../../src/worker/index.ts';
import { startThread } from '../../src/worker/node/start-thread.ts';
import { FakeSuperLink } from '../federated/flower/fake-superlink.ts';
import { makeProject, type Project } from '../node/commands/project.ts';
import { askedRound, metricsOf, tensorsOf } from './asked-round.ts';
import { requestOf } from './request.ts';

const SETTINGS = { batch: 6, lr: 0.03, trainable: 'head', epochs: 1, schedule: 'constant' } as const;

let project: Project;
let own: Pick<OpenRequest, 'model' | 'preprocessorConfig' | 'classes' | 'images'>;
let state: Uint8Array;
let client: RemoteClient;
beforeAll(async () => {
  project = await makeProject();
  vi.stubEnv('THAW_CACHE', `${project.folder}/cache`);
  const { settings: _, ...request } = await requestOf(project);
  own = request;
  state = await firstState({ model: project.model, settings: { ...SETTINGS, labels: ['blue', 'green', 'red'] } });
  const [typescript, script] = [
    import.meta.resolve('tsx/esm/api'),
    new URL('../../src/worker/node/thread.ts', import.meta.url),
  ];
  const program = `import { register } from '${typescript}'; register(); await import('${script}');`;
  client = startThread({ thread: new Worker(new URL(`data:text/javascript,${encodeURIComponent(program)}`)) });
});
afterAll(() => {
  client?.terminate();
  vi.unstubAllEnvs();
  project?.remove();
});

const CPU = { ...SETTINGS, device: 'cpu' } as const;
const native = (more: object = {}) =>
  round({ model: project.model, data: project.data, state, settings: CPU, ...more });

test('gives the bits of a round from files, whatever order the classes are in', async () => {
  const expected = await native();
  expect(await client.round({ ...own, state, settings: CPU })).toEqual(expected);
  const classes = [...own.classes].reverse();
  const images = own.images.map(({ label, ...rest }) => ({ ...rest, label: 2 - label }));
  const turned = await client.round({ ...own, classes, images, state, settings: CPU });
  expect(tensorsOf(turned.state!)).toEqual(tensorsOf(expected.state!));
  const measured = await client.round({ ...own, state: turned.state!, settings: CPU, evaluateOnly: true });
  expect(measured).toEqual(await native({ state: expected.state!, evaluateOnly: true }));
});

test('a machine may lack classes, and is refused with others and with another model', async () => {
  const green = own.images.filter(({ label }) => label === 1).map((image) => ({ ...image, label: 0 }));
  const outcome = await client.round({ ...own, classes: ['green'], images: green, state, settings: CPU });
  expect(outcome.examples).toBe(8);
  const wrong = { ...own, state, settings: CPU };
  await expect(client.round({ ...wrong, classes: ['blue', 'green', 'pink'] })).rejects.toThrow('no class "pink"');
  const model = Uint8Array.from([...own.model, 0]);
  await expect(client.round({ ...wrong, model })).rejects.toThrow(readRoundState(state).source);
});

test('a node answers by it', async () => {
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
  // Its state has an epoch behind it: the order of images is that of the second.
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

test('one that is stopped is given up, and the next is trained', async () => {
  const long = { ...CPU, epochs: 1000, patience: 1000 };
  const stepped = new Promise<void>((resolve) => {
    const end = client.listen(({ type }) => {
      if (type !== 'step') return;
      end();
      resolve();
    });
  });
  const given = client.round({ ...own, state, settings: long });
  given.catch(() => undefined);
  await stepped;
  await client.stop();
  await expect(given).rejects.toThrow(/abort/i);
  expect((await client.round({ ...own, state, settings: CPU })).epochs).toBe(1);
});
