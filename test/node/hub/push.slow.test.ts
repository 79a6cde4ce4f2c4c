import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { env, pipeline } from '@huggingface/transformers';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { type JobEvent, type PushRequest, push, train } from '../../../src/node/commands/index.ts';
import { predict } from '../../../src/node/library/index.ts';
import { thaw } from '../../cli/streams.ts';
import { makeProject, type Project } from '../commands/project.ts';
import { sha256 } from '../models/server.ts';
import type { FakeHub } from './fake-hub.ts';
import { HUB_PYTHON, openHub, python } from './hub.ts';

let project: Project;
/** A finished run, which tests copy. */
let finished: string;
beforeAll(async () => {
  project = await makeProject();
  finished = join(project.folder, 'runs', 'finished');
  await train({
    model: project.model,
    data: project.data,
    out: finished,
    settings: { epochs: 1, preset: 'head-only' },
  });
});
afterAll(() => project.remove());

let hub: FakeHub;
let home: string;
let close: () => Promise<void>;
let run: string;
beforeEach(async () => {
  ({ hub, home, close } = await openHub());
  run = join(project.folder, 'runs', 'run');
  cpSync(finished, run, { recursive: true });
});
afterEach(async () => {
  await close();
  rmSync(run, { recursive: true });
});

const FILES = ['README.md', 'config.json', 'onnx/model.onnx', 'preprocessor_config.json'];

const pushRun = (request: Partial<PushRequest> = {}, onEvent?: (event: JobEvent) => void) =>
  push({ run, repository: 'ann/pets', ...request }, { onEvent });

test('uploads the model in one commit to a new, private repository, and says so before', async () => {
  const events: { event: JobEvent; uploads: number }[] = [];
  const outcome = await pushRun({ message: 'First pets' }, (event) =>
    events.push({ event, uploads: hub.requests('PUT').length }),
  );
  const repository = hub.repositories.get('ann/pets')!;
  expect(repository.isPrivate).toBe(true);
  expect(repository.messages).toEqual(['initial commit', 'First pets']);
  expect([...hub.tree('ann/pets').keys()].filter((path) => path !== '.gitattributes').sort()).toEqual(FILES);
  for (const path of FILES)
    expect(hub.tree('ann/pets').get(path)!.bytes).toEqual(readFileSync(join(run, 'model', path)));
  const bytes = FILES.reduce((sum, path) => sum + readFileSync(join(run, 'model', path)).length, 0);
  expect(outcome).toMatchObject({
    ...{ url: `${hub.url}/ann/pets`, revision: 'main', visibility: 'private', changed: true, bytes },
    commit: repository.branches.get('main'),
  });
  expect(outcome.files.map(({ path }) => path).sort()).toEqual(FILES);
  const plan = events.find(({ event }) => event.type === 'push')!;
  expect(plan).toMatchObject({ event: { visibility: 'private', repository: 'ann/pets', bytes }, uploads: 0 });
  const last = events.map(({ event }) => event).findLast((event) => event.type === 'upload')!;
  expect(last.sent).toBeGreaterThan(readFileSync(join(run, 'model/onnx/model.onnx')).length - 1);
  expect(last.total).toBe(bytes);
});

test('a second push makes no commit, and a changed file is the only one in the next commit', async () => {
  const { commit } = await pushRun();
  hub.log.length = 0;
  expect(await pushRun()).toMatchObject({ commit, changed: false, bytes: 0 });
  expect(hub.log.filter((line) => !/^(GET|HEAD)/.test(line))).toEqual([]);
  appendFileSync(join(run, 'model/README.md'), '\nMore.\n');
  const second = await pushRun();
  expect(second.files.filter(({ changed }) => changed).map(({ path }) => path)).toEqual(['README.md']);
  expect(second.commit).not.toBe(commit);
  expect(hub.requests('PUT')).toEqual([]);
  expect(hub.text('ann/pets', 'README.md')).toMatch(/More\.\n$/);
});

test('a server without trees, or with other ETags, still recognizes files', async () => {
  await pushRun();
  hub.refuse = { path: /\/tree\//, status: 404, times: 99 };
  expect(await pushRun()).toMatchObject({ changed: false });
  hub.refuse = { path: /\/resolve\//, status: 404, times: 99 };
  expect(await pushRun()).toMatchObject({ changed: false });
});

test('a branch is created, and main stays', async () => {
  await pushRun();
  const main = hub.repositories.get('ann/pets')!.branches.get('main');
  appendFileSync(join(run, 'model/README.md'), '\nMore.\n');
  const { url } = await pushRun({ revision: 'better' });
  expect(url).toBe(`${hub.url}/ann/pets/tree/better`);
  expect(hub.repositories.get('ann/pets')!.branches.get('main')).toBe(main);
  expect(hub.text('ann/pets', 'README.md', 'better')).toContain('More.');
  await pushRun({ repository: 'ann/pets@better' });
  await expect(pushRun({ revision: main })).rejects.toMatchObject({ message: expect.stringContaining('is a commit') });
});

test('the visibility of a repository never changes by surprise', async () => {
  await pushRun({ repository: 'ann/open', public: true });
  expect(hub.repositories.get('ann/open')!.isPrivate).toBe(false);
  await expect(pushRun({ repository: 'ann/open' })).rejects.toMatchObject({
    message: 'ann/open is public',
    hint: expect.stringContaining('--public'),
  });
  await pushRun();
  await expect(pushRun({ public: true })).rejects.toMatchObject({
    message: expect.stringContaining('ann/pets is private'),
  });
});

test('without a token, nothing is sent; the token of a login works', async () => {
  vi.stubEnv('HF_TOKEN', undefined);
  await expect(pushRun()).rejects.toMatchObject({
    code: 'bad-config',
    message: expect.stringContaining('needs a token'),
    hint: expect.stringMatching(/settings\/tokens, and set HF_TOKEN \(or run hf auth login\)/),
  });
  writeFileSync(join(home, 'token'), 'hf_ann\n');
  vi.stubEnv('HF_HUB_OFFLINE', '1');
  await expect(pushRun()).rejects.toMatchObject({ message: 'HF_HUB_OFFLINE forbids a push' });
  expect(hub.log).toEqual([]);
  vi.stubEnv('HF_HUB_OFFLINE', undefined);
  expect(await pushRun()).toMatchObject({ changed: true });
});

test.each([
  [401, /./, /does not accept the token \(401: refused\)/, /write access at .*settings\/tokens/],
  [403, /create/, /may not write to ann\/pets \(403: refused\)/, /write access/],
  [404, /create/, /has no ann\/pets/, /Check the owner/],
  [409, /commit/, /changed during the push \(409/, /again/],
  [413, /PUT/, /takes no files of this size \(413/, /--quantize/],
  [400, /commit/, /refuses the upload to ann\/pets \(400: refused\)/, /README/],
  [429, /preupload/, /too many requests \(429/, /Wait/],
  [500, /commit/, /failed \(500/, /not sent again/],
])('status %i is one clear line', async (status, path, message, hint) => {
  hub.refuse = { path, status, times: 99 };
  const error = await pushRun().catch((caught) => caught);
  expect(error).toMatchObject({
    name: 'ThawError',
    message: expect.stringMatching(message),
    hint: expect.stringMatching(hint),
  });
  expect(error.line).not.toMatch(/hf_ann|secret|\n/);
});

test('a card with metadata that the hub refuses is reported in its words', async () => {
  writeFileSync(join(run, 'model/README.md'), '---\nlicense: My licence\n---\n');
  await expect(pushRun()).rejects.toMatchObject({
    message: expect.stringContaining('Invalid metadata in README.md: license'),
  });
});

test('a file is sent again after a temporary failure, and large files in parts', async () => {
  hub.partSize = 1000;
  const size = readFileSync(join(run, 'model/onnx/model.onnx')).length;
  hub.refuse = { path: /^PUT/, status: 503, times: 2 };
  const sent: number[] = [];
  await pushRun({}, (event) => event.type === 'upload' && sent.push(event.sent));
  expect(hub.requests('PUT')).toHaveLength(Math.ceil(size / 1000) + 2);
  expect(hub.tree('ann/pets').get('onnx/model.onnx')!.size).toBe(size);
  expect(Math.max(...sent)).toBeGreaterThanOrEqual(size);
});

test('a killed push continues with the files that the hub does not have', async () => {
  const second = Buffer.from('other weights');
  writeFileSync(join(run, 'model/onnx/model_quantized.onnx'), second);
  hub.stall = new RegExp(`PUT /lfs/${sha256(second)}`);
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', 'push', run, 'ann/pets'], {
    env: process.env,
  });
  await vi.waitFor(() => expect(hub.stored.size === 1 && hub.requests('PUT').length === 2).toBe(true), 30_000);
  child.kill('SIGKILL');
  await once(child, 'close');
  // The branch has all of the model or nothing of it.
  expect([...hub.tree('ann/pets').keys()]).toEqual(['.gitattributes']);
  hub.stall = undefined;
  hub.log.length = 0;
  const totals: number[] = [];
  const { bytes } = await pushRun({}, (event) => event.type === 'upload' && totals.push(event.total));
  expect(hub.requests('PUT')).toEqual([`PUT /lfs/${sha256(second)}`]);
  expect(hub.tree('ann/pets').get('onnx/model.onnx')!.bytes).toEqual(readFileSync(join(run, 'model/onnx/model.onnx')));
  expect(totals.at(-1)).toBe(bytes - readFileSync(join(run, 'model/onnx/model.onnx')).length);
});

test('a signal stops a push', async () => {
  hub.stall = /^PUT/;
  const asked = new AbortController();
  const pushed = push({ run, repository: 'ann/pets' }, { signal: asked.signal });
  const stopped = expect(pushed).rejects.toMatchObject({ name: 'AbortError' });
  await vi.waitFor(() => expect(hub.requests('PUT')).toHaveLength(1), 30_000);
  asked.abort();
  await stopped;
});

test('only what belongs to a model is uploaded, and no path of this machine', async () => {
  for (const name of ['notes.txt', '.env', 'package.json', 'onnx/model.onnx.tmp'])
    writeFileSync(join(run, 'model', name), 'secret');
  mkdirSync(join(run, 'model/photos'));
  const notices: string[] = [];
  const { files } = await pushRun({}, (event) => event.type === 'notice' && notices.push(event.message));
  expect(files.map(({ path }) => path).sort()).toEqual(FILES);
  expect(notices).toEqual([
    'not uploaded, because a model does not need it: notes.txt, package.json, onnx/model.onnx.tmp',
  ]);
  for (const { bytes } of hub.tree('ann/pets').values()) expect(bytes.includes(project.folder)).toBe(false);
  appendFileSync(join(run, 'model/README.md'), `\nMade in ${join(homedir(), 'secret')}.\n`);
  await expect(pushRun()).rejects.toMatchObject({ message: expect.stringContaining('README.md contains a path in') });
});

test('weights that would belong to the previous model are reported', async () => {
  hub.add('ann/pets', { 'onnx/model_fp16.onnx': 'old' }, { isPrivate: true });
  const notices: string[] = [];
  await pushRun({}, (event) => event.type === 'notice' && notices.push(event.message));
  expect(notices).toEqual(['ann/pets also has onnx/model_fp16.onnx, which this push leaves unchanged']);
});

test.each([
  ['pets', /not a model of the hub/],
  ['ann/../pets', /not a model of the hub/],
  ['ann/pets@', /not a model of the hub/],
])('refuses the repository %s', async (repository, message) => {
  await expect(pushRun({ repository })).rejects.toMatchObject({
    code: 'bad-config',
    message: expect.stringMatching(message),
  });
});

test('refuses a run without a model, and a single file', async () => {
  rmSync(join(run, 'model'), { recursive: true });
  await expect(pushRun()).rejects.toMatchObject({ message: expect.stringContaining('has no finished model yet') });
  await expect(pushRun({ run: join(finished, 'model/onnx/model.onnx') })).rejects.toMatchObject({
    message: expect.stringContaining('is a file'),
  });
  expect(hub.log).toEqual([]);
});

test('the command prints the plan and the result', async () => {
  const words = ['push', run, 'ann/pets'];
  const first = await thaw(words);
  expect(first).toMatchObject({ code: 0 });
  expect(first.out).toMatch(/uploads\s+4 files \([\d.,]+ \w?B\) to ann\/pets \(private\): README\.md, config\.json/);
  expect(first.out).toMatch(/\/ann\/pets: 4 files \([\d.,]+ \w?B\) in commit [0-9a-f]{7}\n$/);
  expect((await thaw(words)).out).toContain('has this model already');
  const { out } = await thaw([...words, '--json']);
  expect(JSON.parse(out)).toMatchObject({ changed: false, url: `${hub.url}/ann/pets`, bytes: 0 });
});

test('Thaw and transformers.js classify with the pushed model as with the local one', async () => {
  await pushRun({ public: true });
  const image = join(project.data, 'val/blue/0.png');
  const images = [image];
  const local = await predict({ model: run, images });
  const remote = await predict({ model: 'hf:ann/pets', images });
  expect(remote).toEqual(local);
  Object.assign(env, { remoteHost: hub.url, cacheDir: join(home, 'transformers'), allowLocalModels: false });
  const classify = await pipeline('image-classification', 'ann/pets');
  const [best] = (await classify(image)) as { label: string; score: number }[];
  expect(best.label).toBe(local[0].label);
});

test('Python loads the pushed model and reads its scores', HUB_PYTHON, async () => {
  await pushRun();
  const image = join(project.data, 'val/blue/0.png');
  const [prediction] = await predict({ model: run, images: [image] });
  const read = (await python(`
import json, numpy, onnxruntime
from huggingface_hub import ModelCard, snapshot_download
folder = snapshot_download('ann/pets')
card = ModelCard.load(folder + '/README.md')
session = onnxruntime.InferenceSession(folder + '/onnx/model.onnx')
(scores,) = session.run(None, {'pixel_values': numpy.zeros((2, 3, 16, 16), numpy.float32)})
print(json.dumps({
  'shape': scores.shape,
  'labels': list(json.load(open(folder + '/config.json'))['label2id']),
  'license': card.data.license, 'library': card.data.library_name, 'pipeline': card.data.pipeline_tag,
  'results': [[r.task_type, r.dataset_split, r.metric_type, r.metric_value] for r in card.data.eval_results],
}))`)) as { results: [string, string, string, number][] };
  expect(read).toMatchObject({
    ...{ shape: [2, 3], labels: ['blue', 'green', 'red'], license: 'unknown' },
    ...{ library: 'transformers.js', pipeline: 'image-classification' },
  });
  const accuracy = read.results.find(([, , type]) => type === 'accuracy')!;
  expect(accuracy.slice(0, 2)).toEqual(['image-classification', 'validation']);
  expect(accuracy[3]).toBeGreaterThan(0);
  expect(prediction).toBeDefined();
});
