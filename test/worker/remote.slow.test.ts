import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

/** A client and a server in this thread, connected by a channel of structured clones. */
function connected(folder?: string): { client: RemoteClient; events: RemoteEvent[] } {
  const { port1, port2 } = new MessageChannel();
  serve(emitterPort(port1), nodePlatform({ folder }));
  const client = connect(emitterPort(port2));
  clients.push(client);
  const events: RemoteEvent[] = [];
  client.listen((event) => events.push(event));
  return { client, events };
}

test('a training over a channel gives the bytes of `thaw train`', async () => {
  const { client, events } = connected();
  const training = await client.open(request);
  const { opened } = training;
  const sizes = { train: 24, val: 12, test: 0, stepsPerEpoch: 4, epochsDone: 0 };
  expect(opened).toMatchObject({ device: 'cpu', task: 'classification', noun: 'image', ...sizes });
  expect(opened.classes).toEqual(['blue', 'green', 'red']);
  expect(opened.stages).toEqual([
    { train: 'head', epochs: 2 },
    { train: 'last:2', epochs: 2 },
  ]);
  expect(await training.train()).toBe('finished');
  expect(events.filter(({ type }) => type === 'epoch')).toHaveLength(4);
  expect(events.find(({ type }) => type === 'data')).toMatchObject({ noun: 'image', train: 24 });
  const { files, evaluation } = await training.finish();
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

test('the settings control how many features of the frozen layers are cached', async () => {
  /** The number of image requests during a training. */
  async function readings(own: OpenRequest['settings']): Promise<number> {
    let count = 0;
    const platform = nodePlatform();
    const { port1, port2 } = new MessageChannel();
    serve(emitterPort(port1), {
      ...platform,
      // Decoded images are not cached either.
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
    const training = await client.open({
      ...request,
      settings: { ...settings, augment: 'none', stages: undefined, ...own },
    });
    await training.train();
    return count;
  }
  const head = { trainable: 'head', epochs: 4 };
  const kept = await readings({ ...head, cacheMemory: 16 });
  expect(kept).toBeGreaterThan(0);
  expect(await readings({ ...head, cache: 'off' })).toBeGreaterThan(2 * kept);
  expect(await readings(head)).toBeGreaterThan(2 * kept);
  await expect(readings({ ...head, cache: 'disk' })).rejects.toThrow('cache: disk is for the command line');
});

test('each stage releases its sessions, and in the end none is left', async () => {
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
  const long = await client.open({ ...request, settings: { ...settings, stages } });
  await long.train();
  const { files } = await long.finish();
  const classify = await client.loadModel({ model: files });
  await long.predict([request.samples[0].image!]);
  const short = await client.open({ ...request, settings: { ...settings, stages: stages.slice(0, 2) } });
  await short.train();
  await short.close();
  await classify.dispose();
  expect(held).toBe(0);
  expect(most).toBeLessThan(8);
});

test('predicts during the training, which can be paused and stopped', async () => {
  const { client, events } = connected();
  const training = await client.open({ ...request, settings: { ...settings, stages: [{ train: 'all', epochs: 50 }] } });
  const trained = training.train();
  await new Promise<void>((resolve) => {
    const done = client.listen(({ type }) => {
      if (type !== 'epoch') return;
      done();
      resolve();
    });
  });
  await training.pause();
  const image = new Blob([readFileSync(join(project.data, 'val', 'red', '0.png'))]);
  const [{ label, probability, probabilities, top }] = await training.predict([image], { topK: 2 });
  expect(Object.keys(probabilities)).toEqual(['blue', 'green', 'red']);
  expect(Object.values(probabilities).reduce((all, p) => all + p)).toBeCloseTo(1, 5);
  expect(top[0]).toEqual({ label, probability });
  expect(top).toHaveLength(2);
  // All messages sent before the pause have arrived by now.
  const before = events.length;
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(events.length).toBe(before);
  const busy = { code: 'bad-config', message: 'a training is under way' };
  await expect(training.finish()).rejects.toMatchObject(busy);
  await expect(training.train()).rejects.toMatchObject(busy);
  await training.resume();
  await training.stop();
  expect(await trained).toBe('interrupted');
});

test('a kept project continues where it stopped, to the same bytes', async () => {
  const folder = join(project.folder, 'projects');
  const first = connected(folder);
  const interrupted = await first.client.open({ ...request, project: 'My first/one' });
  const trained = interrupted.train();
  first.client.listen(({ type }) => {
    if (type === 'epoch') interrupted.stop();
  });
  expect(await trained).toBe('interrupted');
  first.client.terminate();

  const second = connected(folder);
  expect(await second.client.projects()).toEqual(['My first/one']);
  const again = await second.client.reopen('My first/one');
  expect(again.opened.epochsDone).toBeGreaterThan(0);
  expect(await again.train()).toBe('finished');
  const resumed = await again.finish();
  const whole = await connected().client.open(request);
  await whole.train();
  expect(modelOf(resumed.files).equals(modelOf((await whole.finish()).files))).toBe(true);
  await second.client.forget('My first/one');
  expect(await second.client.projects()).toEqual([]);
});

test('an error arrives with its code and a fix', async () => {
  const { client } = connected();
  await expect(client.open({ ...request, samples: request.samples.slice(0, 3) })).rejects.toMatchObject({
    code: 'bad-data',
    message: 'the samples have only one class, "blue"',
    hint: expect.stringContaining('two classes or more'),
  });
  await expect(client.open({ ...request, model: new Uint8Array(8) })).rejects.toMatchObject({ code: 'bad-model' });
  const lacking = (field: string) => ({ ...request, [field]: undefined });
  await expect(client.open(lacking('samples'))).rejects.toMatchObject({ message: 'there are no samples' });
  await expect(client.open(lacking('model'))).rejects.toMatchObject({ message: 'there is no model' });
  const nothing = { ...request, samples: [request.samples[0], null as never] };
  await expect(client.open(nothing)).rejects.toMatchObject({ message: 'samples[1] is not a sample' });
  await expect(client.reopen('nowhere')).rejects.toMatchObject({ code: 'bad-config' });
  const training = await client.open(request);
  await expect(training.predict([new Blob(['no image'])])).rejects.toMatchObject({ code: 'bad-data' });
  await expect(training.predict([{} as Blob])).rejects.toMatchObject({ message: 'input 0 is not an image' });
  const next = await client.open(request);
  await expect(training.predict([])).rejects.toMatchObject({ code: 'bad-config', message: 'this training is closed' });
  await next.close();
  await expect(next.train()).rejects.toMatchObject({ code: 'bad-config', message: 'this training is closed' });
});

test('batches that need more memory than available are divided, and stay divided in a kept project', async () => {
  const folder = join(project.folder, 'divided');
  const open = connected(folder).client;
  const unbounded = await open.open(request);
  const { memory } = unbounded.opened;
  await unbounded.close();
  const bounded = { ...request, settings: { ...settings, memory: memory!.estimate.total - 1 } };
  const divided = await open.open({ ...bounded, project: 'one' });
  const { opened } = divided;
  const { batch, parts } = opened.memory!.divided!;
  expect(batch).toBe(6);
  expect(parts).toBeGreaterThan(1);
  expect(opened.stepsPerEpoch).toBe(4 * parts);
  await divided.close();
  const again = await connected(folder).client.reopen('one');
  expect(again.opened.stepsPerEpoch).toBe(4 * parts);
});

test('a project uses the recommendations of its model, also when it is reopened', async () => {
  const folder = join(project.folder, 'recommended');
  const open = connected(folder).client;
  const config = { thaw: { training: { augment: 'drawings', lr: 0.01 } } };
  const training = await open.open({ ...request, config, project: 'one' });
  expect(training.opened.recommended).toEqual({ augment: 'drawings' });
  await training.train();
  const { files } = await training.finish();
  const shipped = JSON.parse(Buffer.from(new Map(files).get('config.json')!).toString());
  expect(shipped.thaw.training).toEqual({ augment: 'drawings', lr: settings.lr });
  await training.close();
  const again = await connected(folder).client.reopen('one');
  expect(again.opened.recommended).toEqual({ augment: 'drawings' });
});

test.each([
  { strict: true },
  { verify: 'full' },
  { saveEvery: 1 },
  { artifacts: true },
  { cacheDisk: 10 },
  { threads: 2 },
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

test('a finished model continues with its own head and classes', async () => {
  const { client } = connected();
  const short = { ...settings, stages: [{ train: 'head', epochs: 1 }] };
  const classes = ['red', 'green', 'blue'];
  const training = await client.open({ ...request, classes, settings: short });
  expect(training.opened.classes).toEqual(classes);
  await training.train();
  const { files } = await training.finish();
  // The samples lack one class of the model.
  const samples = request.samples.filter(({ label }) => label !== 'green');
  const kept = { ...short, keepHead: true };
  const again = await client.open({ model: files, samples, settings: kept });
  expect(again.opened).toMatchObject({ classes, train: 16, val: 8, notices: [] });
  const stranger = [...samples, { ...samples[0], label: 'pink' }];
  await expect(client.open({ model: files, samples: stranger, settings: kept })).rejects.toThrow(
    'samples[24] has the label "pink", and there is no such class',
  );
  const regression = samples.map(({ image, split }) => ({ image: image!, split, values: { red: Math.random() } }));
  await expect(
    client.open({ task: 'regression', model: files, samples: regression, settings: kept }),
  ).rejects.toMatchObject({ code: 'bad-data' });
});

test.each(['labels', 'targets'] as const)('classes together with setting %s are refused', async (name) => {
  const { client } = connected();
  const classes = ['red', 'green', 'blue'];
  await expect(client.open({ ...request, classes, settings: { ...settings, [name]: classes } })).rejects.toMatchObject({
    code: 'bad-config',
    message: `classes and setting ${name} both name the outputs of the model`,
  });
});

test('a model is finished but not measured if validation samples can no longer be read', async () => {
  const { client, events } = connected();
  const own = await makeProject();
  try {
    const { samples } = await requestOf(own);
    const training = await client.open({
      ...request,
      samples,
      settings: { ...settings, cacheMemory: 0, stages: [{ train: 'head', epochs: 1 }] },
    });
    await training.train();
    rmSync(join(own.data, 'val'), { recursive: true });
    const result = await training.finish();
    const nothing = { evaluation: null, test: null, calibration: null, mistakes: null };
    expect(result).toMatchObject({ status: 'unmeasured', task: 'classification', ...nothing });
    const card = Buffer.from(new Map(result.files).get('README.md')!).toString();
    expect(card).toContain('accuracy');
    const problem = { type: 'problem', sample: 24, reason: expect.any(String) };
    expect(events).toContainEqual(problem);
  } finally {
    own.remove();
  }
});

test('a model without its folder uses its own preprocessing, and reports an assumed one', async () => {
  const run = join(project.folder, 'own preprocessing');
  await train({ model: project.model, data: project.data, out: run, settings: { ...settings } });
  const { file } = await exportRun({ run });
  const { client } = connected();
  const { preprocessorConfig: _, ...lone } = request;
  const { opened: own } = await client.open({ ...lone, model: readFileSync(file) });
  const { format } = (await client.open(request)).opened;
  expect(own.format).toEqual(format);
  expect(own.notices).toEqual([]);
  const { opened: assumed } = await client.open(lone);
  expect(assumed.format).not.toEqual(format);
  expect(assumed.notices).toEqual([expect.stringContaining("ImageNet's preprocessing is assumed")]);
});

test('only one session at a time can open a project', async () => {
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
  const mine = await first.open({ ...request, project: 'mine' });
  const taken = { code: 'storage', message: 'the project "mine" is open elsewhere' };
  await expect(second.open({ ...request, project: 'mine' })).rejects.toMatchObject(taken);
  await expect(second.reopen('mine')).rejects.toMatchObject(taken);
  await expect(second.forget('mine')).rejects.toMatchObject(taken);
  await second.open({ ...request, project: 'other' });
  await mine.close();
  await second.reopen('mine');
});

test('two processes cannot open one project', async () => {
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

test.each(['model.onnx', 'last.safetensors'])('full storage (%s) does not end the training', async (file) => {
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
  const training = await client.open({ ...request, project: 'full' });
  expect(training.opened.notices).toEqual(file === 'model.onnx' ? ['the storage is full. Make room'] : []);
  expect(await training.train()).toBe('finished');
  expect(events.filter(({ type }) => type === 'unsaved')).toEqual([
    { type: 'unsaved', message: 'the storage is full', hint: 'Make room' },
  ]);
  expect(events.filter(({ type }) => type === 'epoch')).toHaveLength(4);
  expect(modelOf((await training.finish()).files).length).toBeGreaterThan(0);
});

/** A store whose locks also apply within a process, as in a browser. */
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
