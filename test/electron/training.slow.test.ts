// The entire path from a page to the utility process and back, with stand-ins for Electron's API: see stand-in.ts. If
// Electron's binary exists, electron.slow.test.ts tests the rest in Electron itself.
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BrowserWindow } from 'electron';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { pickImages, pickModel, pickTexts, saveModel, startProcess } from '../../src/electron/client.ts';
import { startTraining, type Training } from '../../src/electron/main.ts';
import { firstState, round, train } from '../../src/node/commands/index.ts';
import type { OpenRequest, RemoteClient } from '../../src/worker/index.ts';
import { needs } from '../needs.ts';
import { makeProject, type Project } from '../node/commands/project.ts';
import { modelOf, requestOf, settings } from '../worker/request.ts';
import * as standIn from './stand-in.ts';

vi.mock('electron', () => import('./stand-in.ts'));

let project: Project;
let request: OpenRequest<'classification'>;
let folder: string;
let training: Training;
const clients: RemoteClient[] = [];

beforeAll(async () => {
  project = await makeProject();
  request = await requestOf(project);
  vi.stubGlobal('window', new standIn.PageWindow());
  await import('../../src/electron/preload.ts');
});
afterAll(() => {
  project.remove();
  vi.unstubAllGlobals();
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'thaw-electron-'));
  const window = new standIn.BrowserWindow() as unknown as BrowserWindow;
  training = startTraining({ window, origin: 'app://studio', projects: join(folder, 'projects') });
});
afterEach(() => {
  for (const client of clients.splice(0)) client.terminate();
  training.end();
  for (const { child } of standIn.processes.splice(0)) child.kill();
  standIn.frame.origin = 'app://studio';
  rmSync(folder, { recursive: true, force: true });
});

function started(): RemoteClient {
  const client = startProcess();
  clients.push(client);
  return client;
}

/** Simulates a user who picks all images of the project. */
async function picked() {
  standIn.picks.push([project.data]);
  return pickImages({ folders: true });
}

const asBlobs = ({ samples, ...rest }: OpenRequest<'classification'>): OpenRequest<'classification'> => ({
  ...rest,
  samples: samples.map(({ image, label, split }) => ({
    ...{ label, split },
    image: new Blob([readFileSync(image as string)]),
  })),
});
const long = { ...settings, stages: [{ train: 'all', epochs: 500 }] };

test('a page trains in a separate process on picked files, to the bytes of `thaw train`', async () => {
  const client = started();
  const images = await picked();
  expect(images).toHaveLength(36);
  expect(images[0]).toMatchObject({ name: '0.png', folder: 'blue' });
  standIn.picks.push([join(project.model, 'model.onnx')]);
  const model = (await pickModel())!;
  expect(model.name).toBe('model');
  const trained = await client.open({ ...request, ...model });
  expect(trained.opened).toMatchObject({ device: 'cpu', train: 24, val: 12 });
  const epochs: string[] = [];
  client.listen(({ type }) => type === 'epoch' && epochs.push(type));
  expect(await trained.train()).toBe('finished');
  expect(epochs).toHaveLength(4);
  const { files } = await trained.finish();
  expect(Buffer.from(new Map(files).get('README.md')!).toString()).toContain('# model on 36 images');
  const run = join(folder, 'run');
  await train({ model: project.model, data: project.data, out: run, settings });
  expect(modelOf(files).equals(readFileSync(join(run, 'model', 'onnx', 'model.onnx')))).toBe(true);

  standIn.picks.push([folder], [folder]);
  expect(await saveModel(files)).toBe(join(folder, 'model'));
  expect(await saveModel(files)).toBe(join(folder, 'model-2'));
  expect(readFileSync(join(folder, 'model-2', 'onnx', 'model.onnx')).equals(modelOf(files))).toBe(true);
});

test('the page for the test in Electron itself gets the expected results', async () => {
  await import('./app/page.ts');
  standIn.picks.push([project.data], [join(project.model, 'model.onnx')]);
  const timer = setInterval(() => {
    if (globalThis.trainingOn) standIn.processes.at(-1)!.child.kill('SIGKILL');
  }, 50);
  const checked = await globalThis.check(settings).finally(() => clearInterval(timer));
  const run = join(folder, 'run');
  await train({ model: project.model, data: project.data, out: run, settings });
  const model = readFileSync(join(run, 'model', 'onnx', 'model.onnx'));
  expect(checked).toMatchObject({
    sha256: createHash('sha256').update(model).digest('hex'),
    refused: 'bad-data',
    ended: 'ended',
  });
});

test('Blobs train like their files', async () => {
  const client = started();
  const blobs = await client.open(asBlobs(request));
  await blobs.train();
  const [red] = await blobs.predict([new Blob([readFileSync(join(project.data, 'val', 'red', '0.png'))])]);
  expect(Object.keys(red.probabilities)).toEqual(['blue', 'green', 'red']);
  const { files } = await blobs.finish();
  const classify = await client.loadModel({ model: files });
  expect((await classify(new Blob([readFileSync(join(project.data, 'val', 'red', '0.png'))]))).label).toBe(red.label);
  await picked();
  const other = await started().open(request);
  await other.train();
  expect(modelOf(files).equals(modelOf((await other.finish()).files))).toBe(true);
});

test('opening a project and predicting refuse paths that were not picked', async () => {
  const client = started();
  const refused = { code: 'bad-data', message: expect.stringContaining('not picked in a dialog') };
  await expect(client.open({ ...request, project: 'mine' })).rejects.toMatchObject(refused);
  expect(await client.projects()).toEqual([]);
  await picked();
  const training = await client.open(request);
  await expect(training.predict([join(project.model, 'model.onnx')])).rejects.toMatchObject(refused);
  await expect(training.predict([{ length: 1 } as unknown as Blob])).rejects.toThrow('input 0 is not an image');
  expect(await training.predict([request.samples[0].image!])).toHaveLength(1);
});

test('a page cannot make a kept project read a path that was not picked', async () => {
  const client = started();
  const { samples, ...rest } = asBlobs(request);
  const forged = samples.map((sample, i) => (i ? sample : { ...sample, path: join(project.model, 'model.onnx') }));
  const kept = await client.open({ ...rest, samples: forged, project: 'forged' });
  await kept.close();
  expect((await client.reopen('forged')).opened).toMatchObject({ train: 24, val: 12 });
  expect(readFileSync(join(folder, 'projects', 'forged', 'project.json'), 'utf8')).not.toContain('model.onnx');
});

test('picked texts include their contents, and can train', async () => {
  for (const label of ['good', 'bad']) {
    mkdirSync(join(folder, 'reviews', label), { recursive: true });
    for (const [i, word] of ['film', 'book', 'song', 'dinner'].entries())
      writeFileSync(
        join(folder, 'reviews', label, `${i}.txt`),
        `the ${word} was ${label === 'good' ? 'fine' : 'poor'}`,
      );
  }
  standIn.picks.push([join(folder, 'reviews')], ['test/fixtures/texts/bert/onnx/model.onnx']);
  const texts = await pickTexts({ folders: true });
  expect(texts[0]).toEqual({ name: '0.txt', folder: 'bad', text: 'the film was poor' });
  const samples = texts.map(({ text, folder: label }) => ({ text, label }));
  const model = (await pickModel())!;
  const training = await started().open({
    ...model,
    samples,
    settings: { device: 'cpu', epochs: 1, trainable: 'head' },
  });
  expect(training.opened).toMatchObject({ noun: 'text', classes: ['bad', 'good'], train: 6, val: 2 });
  await training.train();
  expect((await training.predict(['the song was fine']))[0].probability).toBeGreaterThanOrEqual(0.5);
});

/** Libraries that a Linux process has loaded. */
const librariesOf = (pid: number) => readFileSync(`/proc/${pid}/maps`, 'utf8');

test('a round in the utility process gives the bits of a round from files, and loads no native sharp on Linux', async () => {
  const own = { batch: 6, lr: 0.03, trainable: 'head', epochs: 1, schedule: 'constant', device: 'cpu' } as const;
  const { device: _, ...shared } = own;
  const state = await firstState({ model: project.model, settings: { ...shared, labels: ['blue', 'green', 'red'] } });
  await picked();
  const client = started();
  const outcome = await client.round({ ...request, state, settings: own });
  expect(outcome).toEqual(await round({ model: project.model, data: project.data, state, settings: own }));
  const training = await client.open(request);
  await training.predict([request.samples[0].image!]);
  if (process.platform === 'linux') {
    expect(librariesOf(process.pid)).toMatch(/sharp-linux/);
    expect(librariesOf(standIn.processes[0].child.pid!)).not.toMatch(/sharp-linux|libvips/);
  }
});

test(
  'a page gets the install command for the missing decoder on Linux',
  needs(process.platform === 'linux', 'Linux'),
  async () => {
    vi.stubEnv('NODE_OPTIONS', `--require ${fileURLToPath(new URL('hide-wasm.cjs', import.meta.url))}`);
    const client = started();
    const { version } = JSON.parse(readFileSync('node_modules/sharp/package.json', 'utf8'));
    const missing = { code: 'device', hint: `npm install @img/sharp-wasm32@${version}` };
    await expect(client.projects()).rejects.toMatchObject(missing);
    await picked();
    await expect(client.open(request)).rejects.toMatchObject(missing);
    vi.unstubAllEnvs();
  },
);

test('a picked folder’s links are not followed', async () => {
  symlinkSync(join(project.data, 'val', 'red', '0.png'), join(folder, 'link.png'));
  symlinkSync(project.data, join(folder, 'more'));
  writeFileSync(join(folder, 'notes.txt'), 'no image');
  standIn.picks.push([folder]);
  expect(await pickImages({ folders: true })).toEqual([]);
});

test('another process can open a kept project again, including images picked earlier', async () => {
  await picked();
  const first = started();
  const kept = await first.open({ ...request, project: 'kept' });
  first.listen(({ type }) => {
    if (type === 'epoch') kept.stop();
  });
  expect(await kept.train()).toBe('interrupted');
  training.end();
  const window = new standIn.BrowserWindow() as unknown as BrowserWindow;
  training = startTraining({ window, origin: 'app://studio', projects: join(folder, 'projects') });
  const second = started();
  expect(await second.projects()).toEqual(['kept']);
  const again = await second.reopen('kept');
  expect(again.opened.epochsDone).toBeGreaterThan(0);
  expect(await again.train()).toBe('finished');
});

test('when the process dies, pending and later calls are rejected with the reason, and another process can start', async () => {
  await picked();
  const client = started();
  const reasons: Error[] = [];
  client.whenEnded((reason) => reasons.push(reason));
  const killed = await client.open({ ...request, settings: long });
  client.listen(({ type }) => {
    if (type === 'epoch') standIn.processes.at(-1)!.child.kill('SIGKILL');
  });
  const ended = {
    name: 'ThawError',
    code: 'ended',
    message: expect.stringContaining("the training's process has ended: it exited with"),
  };
  await expect(killed.train()).rejects.toMatchObject(ended);
  await expect(client.projects()).rejects.toMatchObject(ended);
  expect(reasons).toEqual([expect.objectContaining({ code: 'ended' })]);
  const next = started();
  expect((await next.open(request)).opened).toMatchObject({ train: 24 });
});

test('an uncaught error ends the process and is reported', async () => {
  const client = started();
  await client.projects();
  const exited = new Promise((resolve) => {
    standIn.processes[0].once('exit', resolve);
  });
  // A message that the utility process cannot read would be a bug in Thaw.
  standIn.processes[0].postMessage(null);
  expect(await exited).toBe(1);
  await expect(client.projects()).rejects.toMatchObject({ code: 'ended', message: expect.stringContaining('null') });
});

test('a page that leaves ends its process, and a new start replaces the old one', async () => {
  const exited = (i: number) =>
    new Promise((resolve) => {
      standIn.processes[i].once('exit', resolve);
    });
  const first = started();
  await first.projects();
  const replaced = exited(0);
  const second = started();
  await replaced;
  await second.projects();
  const left = exited(1);
  second.terminate();
  expect(await left).toBe(0);
});

test('only the page of the origin may train or ask for files', async () => {
  standIn.frame.origin = 'https://elsewhere.example';
  const refused = { code: 'bad-config', message: 'only the page of app://studio may train' };
  await expect(started().projects()).rejects.toMatchObject(refused);
  await expect(pickModel()).rejects.toMatchObject(refused);
  standIn.frame.origin = 'app://studio';
  standIn.frame.parent = {};
  await expect(pickImages()).rejects.toMatchObject(refused);
  standIn.frame.parent = null;
  expect(standIn.processes).toHaveLength(0);
});

test('a model is written only into a new folder', async () => {
  const bytes = new Uint8Array(1);
  for (const path of [
    '../up',
    '/etc/passwd',
    'a/../b',
    'C:\\x',
    '',
    '.hidden',
    'a//b',
    'CON',
    'onnx/nul.onnx',
    'a.',
    'a./b',
  ]) {
    await expect(saveModel([[path, bytes]])).rejects.toMatchObject({ code: 'bad-config' });
  }
  expect(await saveModel([['config.json', bytes]])).toBeUndefined();
  expect(readdirSync(folder)).toEqual([]);
});

test('dismissed dialogs return nothing, and a file that is not a model is refused', async () => {
  expect(await pickImages()).toEqual([]);
  expect(await pickModel()).toBeUndefined();
  standIn.picks.push([join(project.data, 'val', 'red', '0.png')]);
  await expect(pickModel()).rejects.toMatchObject({ code: 'bad-model', hint: expect.any(String) });
});
