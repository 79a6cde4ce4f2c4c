import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { USES } from '../../../src/catalogue.ts';
import { catalogueText } from '../../../src/cli/terminal/catalogue.ts';
import { resolveModel, startingPoints } from '../../../src/node/models/index.ts';
import { isPath } from '../../../src/node/models/resolve.ts';
import { onnxBytes, sha256 } from './server.ts';

let root: string;
const model = onnxBytes();

async function put(file: string, content: string | Uint8Array): Promise<string> {
  const path = join(root, file);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  return path;
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'thaw-models-'));
  await put('cats/onnx/model.onnx', model);
  await put('cats/preprocessor_config.json', '{"size":96}');
  await put('cats/config.json', '{"id2label":{"0":"cat"}}');
  await put('lone/net.onnx', model);
  await put('lone/preprocessor_config.json', '\uFEFF{"size":32}');
  await put('runs/pets/config.yaml', 'seed: 1');
  await put('runs/pets/model/onnx/model.onnx', model);
  await put('runs/pets/model/config.json', '{}');
  await put('runs/early/config.yaml', 'seed: 1');
  await put('runs/early/checkpoints/last/checkpoint.safetensors', '');
  await put('several/a.onnx', model);
  await put('several/b.onnx', model);
  await put('bad-json/model.onnx', model);
  await put('bad-json/preprocessor_config.json', '{size');
});
afterAll(() => rm(root, { recursive: true, force: true }));

describe('a model on disk', () => {
  test('a transformers.js folder, with its files', async () => {
    const resolved = await resolveModel(join(root, 'cats'));
    expect(await resolved.sha256()).toBe(sha256(model));
    expect(resolved).toEqual({
      name: 'cats',
      source: join(root, 'cats'),
      path: join(root, 'cats/onnx/model.onnx'),
      folder: join(root, 'cats'),
      preprocessing: { size: 96 },
      config: { id2label: { 0: 'cat' } },
      sha256: expect.any(Function),
    });
  });

  test('its digest is computed only on request', async () => {
    const path = await put('changing/model.onnx', model);
    const { sha256: digest } = await resolveModel(path);
    const other = onnxBytes(2000);
    await writeFile(path, other);
    expect(await digest()).toBe(sha256(other));
    await writeFile(path, model);
    expect(await digest()).toBe(sha256(other));
  });

  test('its onnx file alone gives the same model', async () => {
    const resolved = await resolveModel(join(root, 'cats/onnx/model.onnx'));
    expect(resolved).toMatchObject({ name: 'cats', folder: join(root, 'cats'), preprocessing: { size: 96 } });
  });

  test('a file uses the preprocessing next to it', async () => {
    const resolved = await resolveModel(join(root, 'lone/net.onnx'));
    expect(resolved).toMatchObject({ name: 'net', folder: join(root, 'lone'), preprocessing: { size: 32 } });
    expect(resolved).not.toHaveProperty('config');
  });

  test('a run gives its finished model, like its model folder', async () => {
    for (const spec of ['runs/pets', 'runs/pets/model'])
      expect(await resolveModel(join(root, spec))).toMatchObject({
        name: 'pets',
        path: join(root, 'runs/pets/model/onnx/model.onnx'),
        config: {},
      });
  });

  test.each([
    ['nowhere', 'not-found', /does not exist/, /thaw models/],
    ['runs/early', 'not-found', /no finished model yet/, /thaw resume/],
    ['several', 'not-found', /several models: a\.onnx, b\.onnx/, /path of one/],
    ['runs', 'not-found', /contains no ONNX model/, /onnx\/model\.onnx/],
    ['bad-json', 'bad-model', /preprocessor_config\.json is not JSON/, /Fix/],
  ])('refuses %s', async (spec, code, message, hint) => {
    await expect(resolveModel(join(root, spec))).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
      hint: expect.stringMatching(hint),
    });
  });

  test('a name that looks like a repository gives a hint about the hub', async () => {
    await expect(resolveModel('Xenova/resnet-18')).rejects.toMatchObject({
      hint: expect.stringContaining('hf:Xenova/resnet-18'),
    });
  });
});

describe('a file that is not an ONNX model is identified', () => {
  test.each([
    ['html', '<!DOCTYPE html><html></html>', /an HTML page/],
    ['lfs', 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n', /Git LFS pointer/],
    ['zip', 'PK\x03\x04zipped', /PyTorch or zip/],
    ['keras', Buffer.from('894844460d0a1a0a', 'hex'), /Keras HDF5/],
    ['tflite', '\x1c\0\0\0TFL3 and more', /TensorFlow Lite/],
    ['text', 'my model', /not an ONNX model/],
    ['brackets', '"(":28B ', /not an ONNX model|truncated/],
    ['empty', '', /empty/],
    ['no graph', Buffer.from([0x08, 8]), /has no graph/],
    ['truncated', model.subarray(0, model.length - 7), /truncated/],
    ['appended', Buffer.concat([model, Buffer.from('<html>')]), /damaged after its graph/],
  ])('%s', async (name, content, message) => {
    const path = await put(`impostors/${name}.onnx`, content);
    await expect(resolveModel(path)).rejects.toMatchObject({
      code: 'bad-model',
      message: expect.stringMatching(message),
      hint: expect.any(String),
    });
  });

  test('detects a damaged model of any size', async () => {
    const large = onnxBytes(3_000_000);
    const path = await put('impostors/large.onnx', large.subarray(0, 2_999_999));
    await expect(resolveModel(path)).rejects.toMatchObject({ message: expect.stringContaining('truncated') });
  });
});

const embedded = existsSync(new URL('../../../artifacts/default/onnx/model.onnx', import.meta.url));

test('default is the embedded model', async () => {
  const names = startingPoints().map(({ name }) => name);
  if (embedded) {
    const resolved = await resolveModel('default');
    expect(resolved).toMatchObject({ name: 'default', source: 'default' });
    expect(resolved.preprocessing).toBeDefined();
    const listed = startingPoints().find(({ name }) => name === 'default');
    expect(listed).toMatchObject({ use: 'drawings', command: 'thaw train default IMAGES' });
    const { size } = resolved.preprocessing as { size: { width: number } };
    expect(listed?.inputSize).toBe(size.width);
    expect(listed?.megabytes).toBeCloseTo((await stat(resolved.path)).size / 1e6, 1);
  } else {
    await expect(resolveModel('default')).rejects.toMatchObject({ code: 'not-found' });
    expect(names).not.toContain('default');
  }
});

test('the catalogue starts with a photo model, and recommends the smallest first', () => {
  const points = startingPoints();
  expect(points[0]).toMatchObject({ use: 'photos', grade: 'small', licence: 'Apache-2.0' });
  expect(new Set(points.map(({ name }) => name)).size).toBe(points.length);
  for (const { name, address, command, licence } of points) {
    expect(address).toMatch(/^(default|hf:[\w.-]+\/[\w.-]+)$/);
    expect(name).toMatch(/^[\w-]+$/);
    expect(command).toContain(name);
    expect(licence).not.toBe('');
  }
  for (const use of USES) {
    const graded = points.filter((point) => point.use === use && point.grade);
    expect(graded.map(({ grade }) => grade)).toEqual(['small', 'good', 'best'].slice(0, graded.length));
    const sizes = graded.map(({ megabytes }) => megabytes);
    expect(sizes).toEqual([...sizes].sort((a, b) => a - b));
  }
});

test('the list of models fits a terminal, and marks estimates and downloaded models', () => {
  const models = startingPoints().map((point, i) => ({
    ...point,
    here: point.name === 'default',
    step: i === 0 ? null : { seconds: 0.1 * point.relativeStep, measured: point.name === 'default' },
  }));
  const lines = catalogueText(models).split('\n');
  for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(80);
  const lineOf = (name: string) => lines.find((line) => line.split(/\s+/).includes(name));
  for (const { name, licence } of models) expect(lineOf(name)).toContain(licence);
  expect(lineOf('mobilenetv4-small')).toMatch(
    /^small +mobilenetv4-small +15\.1 MB +Apache-2\.0 +74% ImageNet-1k +unknown$/,
  );
  expect(lineOf('resnet-50')).toMatch(/~\d+ s$/);
  if (embedded) expect(lines.find((line) => / default +2\.9 MB \* /.test(line))).toMatch(/ 0\.1 s$/);
});

test('a name of the catalogue stands for its address, unless a file has this name', async () => {
  const requested: string[] = [];
  const fetch = async (url: unknown) => {
    requested.push(String(url));
    throw new Error('no network');
  };
  await expect(resolveModel('resnet-18', { fetch: fetch as never, cacheDir: join(root, 'none') })).rejects.toThrow();
  expect(requested[0]).toContain('Xenova/resnet-18');
  expect(isPath('resnet-18')).toBe(false);
  expect(isPath('resnet-19')).toBe(true);
});
