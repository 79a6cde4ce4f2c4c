import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { pinnedModel } from '../../../src/node/commands/fetch-model.ts';
import { pull, train } from '../../../src/node/commands/index.ts';
import { readModelFile, writeModelFile } from '../../../src/node/models/files.ts';
import { resolveModel } from '../../../src/node/models/index.ts';
import { thaw } from '../../cli/streams.ts';
import { makeProject, type Project, pretrained } from '../commands/project.ts';
import { sha256 } from '../models/server.ts';
import type { FakeHub } from './fake-hub.ts';
import { HUB_PYTHON, openHub, python } from './hub.ts';

let project: Project;
/** A model with its weights in a second file. */
let model: Buffer;
let weights: Buffer;
beforeAll(async () => {
  project = await makeProject({ train: 2, val: 1 });
  const file = join(project.folder, 'external', 'model.onnx');
  await writeModelFile(file, pretrained(), { externalData: true });
  [model, weights] = [readFileSync(file), readFileSync(`${file}_data`)];
});
afterAll(() => project.remove());

let hub: FakeHub;
let home: string;
let close: () => Promise<void>;
let commit: string;
beforeEach(async () => {
  ({ hub, home, close } = await openHub());
  commit = hub.add('ann/net', {
    'README.md': '# Net',
    'config.json': '{"model_type": "resnet"}',
    'preprocessor_config.json': readFileSync(join(project.model, 'preprocessor_config.json')),
    'onnx/model.onnx': model,
    'onnx/model.onnx_data': weights,
  });
});
afterEach(() => close());

const place = (...parts: string[]) => join(home, 'hub/models--ann--net', ...parts);
const contents = () => hub.log.filter((line) => /^GET .*\/(cdn|resolve)\//.test(line));

test("files lie in Hugging Face's cache, as Python lays them out", async () => {
  const { folder, path } = await resolveModel('hf:ann/net');
  expect(folder).toBe(place('snapshots', commit));
  expect(path).toBe(join(folder, 'onnx/model.onnx'));
  expect(readFileSync(place('refs/main'), 'utf8')).toBe(commit);
  for (const file of ['config.json', 'preprocessor_config.json', 'onnx/model.onnx', 'onnx/model.onnx_data']) {
    const { oid, lfs, bytes } = hub.tree('ann/net').get(file)!;
    const up = file.includes('/') ? '../../../blobs' : '../../blobs';
    expect(readlinkSync(join(folder, file))).toBe(join(up, lfs ?? oid));
    expect(readFileSync(join(folder, file))).toEqual(bytes);
  }
  expect(existsSync(place('.no_exist', commit, 'tokenizer.json'))).toBe(true);
  expect(readdirSync(place('blobs'))).toHaveLength(4);
  // The weights are in another folder than the model, as their links are.
  expect((await readModelFile(path)).graph.initializers.size).toBe(pretrained().graph.initializers.size);
});

test('a new commit is noticed, and only its changed files are downloaded', async () => {
  const first = await resolveModel('hf:ann/net');
  const next = hub.add('ann/net', { 'config.json': '{"model_type": "vit"}' });
  hub.log.length = 0;
  const second = await resolveModel('hf:ann/net');
  expect(second.config).toEqual({ model_type: 'vit' });
  expect(second.folder).toBe(place('snapshots', next));
  expect(contents()).toEqual([`GET /ann/net/resolve/${next}/config.json`]);
  expect(readFileSync(place('refs/main'), 'utf8')).toBe(next);
  // The old commit stays.
  hub.log.length = 0;
  expect((await resolveModel(`hf:ann/net@${commit}`)).folder).toBe(first.folder);
  expect(hub.log).toEqual([]);
});

test('a mirror may list files as a tree only', async () => {
  hub.treesOnly = true;
  expect(readFileSync((await resolveModel('hf:ann/net')).path)).toEqual(model);
});

test('a job that opens a model several times uses one commit', async () => {
  const spec = await pinnedModel('hf:ann/net', {});
  expect(spec).toBe(`hf:ann/net@${commit}`);
  expect(await pinnedModel(spec, {})).toBe(spec);
  hub.add('ann/net', { 'config.json': '{}' });
  expect((await resolveModel(spec)).config).toEqual({ model_type: 'resnet' });
  expect(await pinnedModel(project.model, {})).toBe(project.model);
  expect(await pinnedModel('default', {})).toBe('default');
});

test('a run can be repeated with the same commit', async () => {
  const out = join(home, 'run');
  const settings = { epochs: 1, lora: { rank: 2 } } as const;
  await train({ model: 'hf:ann/net', data: project.data, out, settings });
  expect(readFileSync(join(out, 'config.yaml'), 'utf8')).toContain(`model: hf:ann/net@${commit}\n`);
  expect(readFileSync(join(out, 'model/README.md'), 'utf8')).toContain('base_model: "ann/net"');
  expect(JSON.parse(readFileSync(join(out, 'adapters/adapter_config.json'), 'utf8'))).toMatchObject({
    base_model_name_or_path: 'ann/net',
    revision: commit,
  });
});

test('an interrupted download does not count as a model, and continues', async () => {
  hub.refuse = { path: /model\.onnx$/, status: 503, times: 1 };
  await expect(resolveModel('hf:ann/net')).rejects.toMatchObject({ code: 'network' });
  vi.stubEnv('HF_HUB_OFFLINE', '1');
  await expect(resolveModel('hf:ann/net')).rejects.toMatchObject({ code: 'not-found' });
  vi.stubEnv('HF_HUB_OFFLINE', undefined);
  hub.log.length = 0;
  await resolveModel('hf:ann/net');
  expect(contents()).toEqual([`GET /ann/net/resolve/${commit}/onnx/model.onnx`, `GET /cdn/${sha256(model)}`]);
});

test('without links, the files lie in the snapshot', async () => {
  vi.stubEnv('HF_HUB_DISABLE_SYMLINKS', '1');
  const { path, folder } = await resolveModel('hf:ann/net');
  expect(lstatSync(path).isSymbolicLink()).toBe(false);
  expect(readFileSync(path)).toEqual(model);
  expect(readdirSync(place('blobs'))).toEqual([]);
  hub.log.length = 0;
  expect((await resolveModel('hf:ann/net')).folder).toBe(folder);
  expect(contents()).toEqual([]);
});

test('contents that models share are found behind their links', async () => {
  const { path } = await resolveModel('hf:ann/net');
  for (const etag of [sha256(model), sha256(weights)]) {
    // Python names shared contents by their Xet hash.
    const shared = join(home, 'hub/blobs', etag.slice(62), [...etag].reverse().join(''));
    mkdirSync(dirname(shared), { recursive: true });
    renameSync(place('blobs', etag), shared);
    symlinkSync(relative(place('blobs'), shared), place('blobs', etag));
  }
  hub.log.length = 0;
  const { path: again, sha256: digest } = await resolveModel('hf:ann/net');
  expect([again, await digest()]).toEqual([path, sha256(model)]);
  expect(contents()).toEqual([]);
  expect((await readModelFile(path)).graph.initializers.size).toBe(pretrained().graph.initializers.size);
});

test('a private model needs the token of its owner', async () => {
  hub.add('ann/secret', { 'onnx/model.onnx': model, 'onnx/model.onnx_data': weights }, { isPrivate: true });
  vi.stubEnv('HF_TOKEN', undefined);
  await expect(resolveModel('hf:ann/secret')).rejects.toMatchObject({
    message: 'hf:ann/secret is private, gated or does not exist (401)',
  });
  writeFileSync(join(home, 'token'), 'hf_ann\n');
  expect(readFileSync((await resolveModel('hf:ann/secret')).path)).toEqual(model);
});

test('thaw pull downloads what hf: needs, and copies it on request', async () => {
  const { out, code } = await thaw(['pull', 'ann/net', '--json']);
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({
    ...{ model: 'hf:ann/net', commit, folder: place('snapshots', commit), sha256: sha256(model) },
    files: ['config.json', 'onnx/model.onnx', 'onnx/model.onnx_data', 'preprocessor_config.json'].map((path) => ({
      path,
      bytes: hub.tree('ann/net').get(path)!.size,
    })),
  });
  expect(contents().length).toBeGreaterThan(0);
  hub.log.length = 0;
  const copy = join(home, 'copy');
  expect(await pull({ repository: 'hf:ann/net', revision: commit, out: copy })).toMatchObject({ folder: copy });
  expect(hub.log).toEqual([]);
  expect(lstatSync(join(copy, 'onnx/model.onnx')).isSymbolicLink()).toBe(false);
  expect(readFileSync(join(copy, 'onnx/model.onnx_data'))).toEqual(weights);
  await expect(pull({ repository: 'ann/net', out: copy })).rejects.toMatchObject({
    message: expect.stringContaining('is not empty'),
  });
  expect((await thaw(['pull', 'ann/net'])).out).toMatch(/^folder .*\nfiles .*\ncommit .*\nNext {4}thaw predict hf:ann/);
});

test('Python finds what Thaw downloaded, without a network', HUB_PYTHON, async () => {
  const { folder } = await resolveModel('hf:ann/net');
  hub.log.length = 0;
  const found = await python(`
import json
from huggingface_hub import hf_hub_download, scan_cache_dir, snapshot_download, try_to_load_from_cache, _CACHED_NO_EXIST
(repo,) = scan_cache_dir().repos
print(json.dumps([
  hf_hub_download('ann/net', 'onnx/model.onnx', local_files_only=True),
  snapshot_download('ann/net', local_files_only=True),
  try_to_load_from_cache('ann/net', 'tokenizer.json') is _CACHED_NO_EXIST,
  [repo.repo_id, repo.nb_files, list(repo.refs)],
]))`);
  expect(found).toEqual([join(folder, 'onnx/model.onnx'), folder, true, ['ann/net', 4, ['main']]]);
  expect(hub.log).toEqual([]);
});

test('Thaw finds what Python downloaded, and downloads no file again', HUB_PYTHON, async () => {
  const folder = await python(`
import json
from huggingface_hub import snapshot_download
print(json.dumps(snapshot_download('ann/net')))`);
  hub.log.length = 0;
  const found = await resolveModel('hf:ann/net');
  expect(found.folder).toBe(folder);
  expect(contents()).toEqual([]);
  vi.stubEnv('HF_HUB_OFFLINE', '1');
  hub.log.length = 0;
  expect((await resolveModel('hf:ann/net')).path).toBe(found.path);
  expect(hub.log).toEqual([]);
});
