import { MessageChannel, Worker } from 'node:worker_threads';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { connect, emitterPort, type OpenRequest, type RemoteClient, serve } from '../../src/worker/index.ts';
import { nodePlatform } from '../../src/worker/node/platform.ts';
import { startThread } from '../../src/worker/node/start-thread.ts';
import { makeProject, type Project } from '../node/commands/project.ts';
import { modelOf, requestOf, settings } from './request.ts';
import { threadOfSources } from './threads.ts';

let project: Project;
let request: OpenRequest<'classification'>;
const clients: RemoteClient[] = [];

beforeAll(async () => {
  project = await makeProject();
  request = await requestOf(project);
});
afterAll(() => project.remove());
afterEach(() => {
  for (const client of clients.splice(0)) client.terminate();
});

function started(thread = threadOfSources()): RemoteClient {
  const client = startThread({ thread });
  clients.push(client);
  return client;
}

/** Trains. @returns the model */
async function trained(client: RemoteClient) {
  const plan = { stages: [{ train: 'all', epochs: 12 }], stopWhenPerfect: false };
  const training = await client.open({ ...request, settings: { ...settings, ...plan } });
  expect(await training.train()).toBe('finished');
  return modelOf((await training.finish()).files);
}

test('a worker thread trains to the bytes of this thread', async () => {
  const inThread = await trained(started());
  const { port1, port2 } = new MessageChannel();
  serve(emitterPort(port1), nodePlatform());
  const client = connect(emitterPort(port2));
  clients.push(client);
  const here = await trained(client);
  expect(inThread.equals(here)).toBe(true);
});

/**
 * A thread that never answers. It does not load ONNX Runtime, because ending a thread during a run can crash the
 * process.
 */
const silentThread = (does: string) =>
  new Worker(
    new URL(
      `data:text/javascript,${encodeURIComponent(`import { parentPort } from 'node:worker_threads'; parentPort.on('message', () => {}); ${does}`)}`,
    ),
  );

test('a thread that fails rejects pending and later requests, with the reason', async () => {
  const client = started(silentThread(`setTimeout(() => { throw new Error('out of luck'); }, 100);`));
  const ended = {
    name: 'ThawError',
    code: 'ended',
    message: `the training's worker thread has ended: out of luck`,
    hint: expect.stringContaining('reopened'),
  };
  await expect(client.open(request)).rejects.toMatchObject(ended);
  await expect(client.projects()).rejects.toMatchObject(ended);
});

test('a thread that exits rejects pending requests', async () => {
  const client = started(silentThread('setTimeout(() => process.exit(3), 100);'));
  await expect(client.open(request)).rejects.toMatchObject({
    code: 'ended',
    message: expect.stringContaining('exited with'),
  });
});

test('a thread that cannot start rejects requests', async () => {
  const client = started(new Worker(new URL('nowhere.js', import.meta.url)));
  await expect(client.projects()).rejects.toMatchObject({ code: 'ended', message: expect.stringContaining('nowhere') });
});
