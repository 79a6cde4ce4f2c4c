import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { ThawError } from '../../src/errors.ts';
import { exportRun, train } from '../../src/node/commands/index.ts';
import {
  connect,
  emitterPort,
  type OpenRequest,
  type ProjectStore,
  type RemoteClient,
  type RemoteEvent,
  serve,
} from '../../src/worker/index.ts';
import { folderStore } from '../../src/worker/node/folder-store.ts';
import { nodePlatform } from '../../src/worker/node/platform.ts';
import { makeProject, type Project } from '../node/commands/project.ts';
import { modelOf, requestOf, settings } from './request.ts';

let project: Project;
let request: OpenRequest;
const clients: RemoteClient[] = [];

beforeAll(async () => {
  project = await makeProject();
  request = await requestOf(project);
});
afterAll(() => project.remove());
afterEach(() => {
  for (const client of clients.splice(0)) client.terminate();
});

/** A client and a server in this thread, with a channel of structured clones between them. */
function connected(folder?: string): { client: RemoteClient; events: RemoteEvent[] } {
  const { port1, port2 } = new MessageChannel();
  serve(emitterPort(port1), nodePlatform({ folder }));
  const client = connect(emitterPort(port2));
  clients.push(client);
  const events: RemoteEvent[] = [];
  client.listen((event) => events.push(event));
  return { client, events };
}

test('a training at the end of a channel gives the bytes of `thaw train`', async () => {
  const { client, events } = connected();
  const opened = await client.open(request);
  expect(opened).toMatchObject({ device: 'cpu', train: 24, val: 12, stepsPerEpoch: 4, epochsDone: 0 });
  expect(opened.stages).toEqual([
    { train: 'head', epochs: 2 },
    { train: 'last:2', epochs: 2 },
  ]);
  expect(await client.train()).toBe('finished');
  expect(events.filter(({ type }) => type === 'epoch')).toHaveLength(4);
  const { files, evaluation } = await client.finish();
  const run = join(project.folder, 'whole');
  const outcome = await train({ model: project.model, data: project.data, out: run, settings: { ...settings } });
  expect(evaluation).toEqual(outcome.after);
  expect(modelOf(files).equals(readFileSync(join(run, 'model', 'onnx', 'model.onnx')))).toBe(true);
  expect(files.map(([path]) => path).sort()).toEqual([
    'README.md',
    'config.json',
    'onnx/model.onnx',
    'preprocessor_config.json',
  ]);
});

test('what the frozen layers make of images is kept as the settings say', async () => {
  /** How often it is asked for images in a training. */
  async function readings(own: OpenRequest['settings']): Promise<number> {
    let count = 0;
    const platform = nodePlatform();
    const { port1, port2 } = new MessageChannel();
    serve(emitterPort(port1), {
      ...platform,
      // Decoded images are not kept either.
      cacheMemory: 0,
      reader: (images) => {
        const counting = new Map(images);
        counting.get = (file) => {
          count++;
          return images.get(file);
        };
        return platform.reader(counting);
      },
    });
    const client = connect(emitterPort(port2));
    clients.push(client);
    await client.open({ ...request, settings: { ...settings, augment: 'none', stages: undefined, ...own } });
    await client.train();
    return count;
  }
  const head = { trainable: 'head', epochs: 4 };
  const kept = await readings({ ...head, cacheMemory: 16 });
  expect(kept).toBeGreaterThan(0);
  expect(await readings({ ...head, cache: 'off' })).toBeGreaterThan(2 * kept);
  expect(await readings(head)).toBeGreaterThan(2 * kept);
  await expect(readings({ ...head, cache: 'disk' })).rejects.toThrow('cache: disk is for the command line');
});

test('sessions are given back, stage after stage, in the end all of them', async () => {
  let held = 0;
  let most = 0;
  const platform = nodePlatform();
  const { port1, port2 } = new MessageChannel();
  serve(emitterPort(port1), {
    ...platform,
    async runtime(device) {
      const runtime = await platform.runtime(device);
      return {
        ...runtime,
        async load(...model) {
          const session = await runtime.load(...model);
          most = Math.max(most, ++held);
          const release = session.release.bind(session);
          session.release = async () => {
            held--;
            await release();
          };
          return session;
        },
      };
    },
  });
  const client = connect(emitterPort(port2));
  clients.push(client);
  const stages = Array.from({ length: 30 }, (_, i) => ({ train: i % 2 ? 'head' : 'last:2', epochs: 1 }));
  await client.open({ ...request, settings: { ...settings, stages } });
  await client.train();
  await client.finish();
  await client.predict([request.images[0].image]);
  await client.open({ ...request, settings: { ...settings, stages: stages.slice(0, 2) } });
  await client.train();
  await client.close();
  expect(held).toBe(0);
  expect(most).toBeLessThan(8);
});

test('images are told apart while the training goes on, and it can be paused and stopped', async () => {
  const { client, events } = connected();
  await client.open({ ...request, settings: { ...settings, stages: [{ train: 'all', epochs: 50 }] } });
  const trained = client.train();
  await new Promise<void>((resolve) => {
    const done = client.listen(({ type }) => {
      if (type !== 'epoch') return;
      done();
      resolve();
    });
  });
  await client.pause();
  const image = new Blob([readFileSync(join(project.data, 'val', 'red', '0.png'))]);
  const [prediction] = await client.predict([image]);
  expect(prediction.probabilities).toHaveLength(3);
  expect(prediction.probabilities.reduce((all, p) => all + p, 0)).toBeCloseTo(1, 5);
  // Messages that were under way when it paused have come by now.
  const before = events.length;
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(events.length).toBe(before);
  await client.resume();
  await client.stop();
  expect(await trained).toBe('interrupted');
});

test('a kept project goes on where it stopped, to the same bytes', async () => {
  const folder = join(project.folder, 'projects');
  const first = connected(folder);
  await first.client.open({ ...request, project: 'My first/one' });
  const trained = first.client.train();
  first.client.listen(({ type }) => {
    if (type === 'epoch') first.client.stop();
  });
  expect(await trained).toBe('interrupted');
  first.client.terminate();

  const second = connected(folder);
  expect(await second.client.projects()).toEqual(['My first/one']);
  expect((await second.client.reopen('My first/one')).epochsDone).toBeGreaterThan(0);
  expect(await second.client.train()).toBe('finished');
  const resumed = await second.client.finish();
  const whole = connected();
  await whole.client.open(request);
  await whole.client.train();
  expect(modelOf(resumed.files).equals(modelOf((await whole.client.finish()).files))).toBe(true);
  await second.client.forget('My first/one');
  expect(await second.client.projects()).toEqual([]);
});

test('what is wrong comes back as an error with its code and what to do', async () => {
  const { client } = connected();
  await expect(client.train()).rejects.toMatchObject({ code: 'bad-config', message: 'nothing is open' });
  await expect(client.open({ ...request, images: request.images.slice(0, 3) })).rejects.toMatchObject({
    code: 'bad-data',
    hint: expect.stringContaining('at least two'),
  });
  await expect(client.open({ ...request, model: new Uint8Array(8) })).rejects.toMatchObject({ code: 'bad-model' });
  await expect(client.reopen('nowhere')).rejects.toMatchObject({ code: 'bad-config' });
  await client.open(request);
  await expect(client.predict([new Blob(['no image'])])).rejects.toMatchObject({ code: 'bad-data' });
});

test('batches that need more memory than there is go through in parts, and in a kept project stay so', async () => {
  const folder = join(project.folder, 'divided');
  const open = connected(folder).client;
  const { memory } = await open.open(request);
  await open.close();
  const bounded = { ...request, settings: { ...settings, memory: memory!.estimate.total - 1 } };
  const opened = await open.open({ ...bounded, project: 'one' });
  const { batch, parts } = opened.memory!.divided!;
  expect(batch).toBe(6);
  expect(parts).toBeGreaterThan(1);
  expect(opened.stepsPerEpoch).toBe(4 * parts);
  await open.close();
  const again = await connected(folder).client.reopen('one');
  expect(again.stepsPerEpoch).toBe(4 * parts);
});

test('a project takes what its model recommends, and does so again when it is reopened', async () => {
  const folder = join(project.folder, 'recommended');
  const open = connected(folder).client;
  const config = { thaw: { training: { augment: 'drawings', lr: 0.01 } } };
  const opened = await open.open({ ...request, config, project: 'one' });
  expect(opened.recommended).toEqual({ augment: 'drawings' });
  await open.train();
  const { files } = await open.finish();
  const shipped = JSON.parse(Buffer.from(new Map(files).get('config.json')!).toString());
  expect(shipped.thaw.training).toEqual({ augment: 'drawings', lr: settings.lr });
  await open.close();
  const again = await connected(folder).client.reopen('one');
  expect(again.recommended).toEqual({ augment: 'drawings' });
});

test.each([
  { task: 'regression' },
  { task: 'multi-label' },
  { task: 'embedding' },
  { keepHead: true },
  { labels: ['red', 'green', 'blue'] },
  { strict: true },
  { verify: 'full' },
  { saveEvery: 1 },
  { artifacts: true },
  { cacheDisk: 10 },
  { maxLength: 10 },
] as const)('a setting that would be ignored is refused: %o', async (own) => {
  const { client } = connected();
  const [name] = Object.keys(own);
  await expect(client.open({ ...request, settings: { ...settings, ...own } as typeof settings })).rejects.toMatchObject(
    {
      code: 'bad-config',
      message: expect.stringContaining(`setting ${name}`),
    },
  );
});

test.each([
  [[3], 'image 0 has the label 3'],
  [[-1], 'image 0 has the label -1'],
  [[0.5], 'image 0 has the label 0.5'],
] as const)('a label that is no index into the classes is refused: %o', async ([label], message) => {
  const { client } = connected();
  const [first, ...others] = request.images;
  const images = [{ ...first, label }, ...others];
  await expect(client.open({ ...request, images })).rejects.toMatchObject({
    code: 'bad-data',
    message: expect.stringContaining(message),
  });
});

test.each([
  [['red', 'red', 'blue'], 'two classes are named "red"'],
  [['red', ' ', 'blue'], 'class 1 has no name'],
] as const)('class names are checked: %o', async (classes, message) => {
  const { client } = connected();
  await expect(client.open({ ...request, classes })).rejects.toMatchObject({
    code: 'bad-data',
    message: expect.stringContaining(message),
  });
});

test('a lone model takes its own preprocessing, and an assumed one is reported', async () => {
  const run = join(project.folder, 'own preprocessing');
  await train({ model: project.model, data: project.data, out: run, settings: { ...settings } });
  const { file } = await exportRun({ run });
  const { client } = connected();
  const { preprocessorConfig: _, ...lone } = request;
  const own = await client.open({ ...lone, model: readFileSync(file) });
  const { preprocessing } = await client.open(request);
  expect(own.preprocessing).toEqual(preprocessing);
  expect(own.notices).toEqual([]);
  const assumed = await client.open(lone);
  expect(assumed.preprocessing).not.toEqual(preprocessing);
  expect(assumed.notices).toEqual([expect.stringContaining("ImageNet's preprocessing is assumed")]);
});

test('a project is open in one session at a time', async () => {
  const folder = join(project.folder, 'one at a time');
  const store = folderStore(folder);
  const platform = { ...nodePlatform({ folder }), store: exclusive(store) };
  const [first, second] = [platform, platform].map((own) => {
    const { port1, port2 } = new MessageChannel();
    serve(emitterPort(port1), own);
    const client = connect(emitterPort(port2));
    clients.push(client);
    return client;
  });
  await first.open({ ...request, project: 'mine' });
  const taken = { code: 'storage', message: 'the project "mine" is open elsewhere' };
  await expect(second.open({ ...request, project: 'mine' })).rejects.toMatchObject(taken);
  await expect(second.reopen('mine')).rejects.toMatchObject(taken);
  await expect(second.forget('mine')).rejects.toMatchObject(taken);
  await second.open({ ...request, project: 'other' });
  await first.close();
  await second.reopen('mine');
});

test('two processes do not open one project', async () => {
  const folder = join(project.folder, 'two processes');
  const lock = join(folder, '%locks', 'mine');
  mkdirSync(lock, { recursive: true });
  const [pid, host] = [process.ppid, hostname()];
  writeFileSync(join(lock, '.lock'), JSON.stringify({ pid, host, began: null, boot: null, token: 'x' }));
  const { client } = connected(folder);
  await expect(client.open({ ...request, project: 'mine' })).rejects.toMatchObject({
    code: 'storage',
    message: 'the project "mine" is open in another process',
  });
  expect(await client.projects()).toEqual([]);
});

test.each(['model.onnx', 'last.safetensors'])('storage that is full (%s) does not end the training', async (file) => {
  const { port1, port2 } = new MessageChannel();
  const platform = nodePlatform({ folder: join(project.folder, `full ${file}`) });
  const store: ProjectStore = {
    ...platform.store!,
    async write(name, path, contents) {
      if (path === file) throw new ThawError('storage', 'the storage is full', 'Make room');
      await platform.store!.write(name, path, contents);
    },
  };
  serve(emitterPort(port1), { ...platform, store });
  const client = connect(emitterPort(port2));
  clients.push(client);
  const events: RemoteEvent[] = [];
  client.listen((event) => events.push(event));
  const { notices } = await client.open({ ...request, project: 'full' });
  expect(notices).toEqual(file === 'model.onnx' ? ['the storage is full. Make room'] : []);
  expect(await client.train()).toBe('finished');
  expect(events.filter(({ type }) => type === 'unsaved')).toEqual([
    { type: 'unsaved', message: 'the storage is full', hint: 'Make room' },
  ]);
  expect(events.filter(({ type }) => type === 'epoch')).toHaveLength(4);
  expect(modelOf((await client.finish()).files).length).toBeGreaterThan(0);
});

/** A store whose locks hold within a process too, as a browser's do. */
function exclusive(store: ProjectStore): ProjectStore {
  const taken = new Set<string>();
  return {
    ...store,
    async lock(project) {
      if (taken.has(project)) throw new ThawError('storage', `the project "${project}" is open elsewhere`);
      taken.add(project);
      return () => void taken.delete(project);
    },
  };
}
